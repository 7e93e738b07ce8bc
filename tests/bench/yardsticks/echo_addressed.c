/* An echo that answers from the address that was asked, one datagram at a time.
   Usage: echo_addressed PORT. For benches of many addresses on one host. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    int skt = socket(AF_INET, SOCK_DGRAM, 0), on = 1, room = 8 << 20;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))}, peer;
    setsockopt(skt, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(skt, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (argc != 2 || bind(skt, (struct sockaddr *)&local, sizeof local)) return 1;
    static char data[65536], control[256];
    for (;;) {
        struct iovec part = {data, sizeof data};
        struct msghdr message = {&peer, sizeof peer, &part, 1, control, sizeof control, 0};
        ssize_t length = recvmsg(skt, &message, 0);
        if (length < 0) continue;
        part.iov_len = length;
        struct cmsghdr *asked = CMSG_FIRSTHDR(&message);
        if (asked) ((struct in_pktinfo *)CMSG_DATA(asked))->ipi_ifindex = 0;
        sendmsg(skt, &message, 0);
    }
}
