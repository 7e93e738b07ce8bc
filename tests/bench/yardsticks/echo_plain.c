/* The plain yardstick: an IPv4 echo server of recvfrom and sendto, one datagram at a time. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    static char data[65536];
    struct sockaddr_in host = { .sin_family = AF_INET }, peer;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    host.sin_port = htons(argc > 1 ? atoi(argv[1]) : 7);
    if (bind(fd, (struct sockaddr *)&host, sizeof host)) {
        perror("bind");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        socklen_t size = sizeof peer;
        ssize_t length = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&peer, &size);

        if (length >= 0)
            sendto(fd, data, length, 0, (struct sockaddr *)&peer, size);
    }
}
