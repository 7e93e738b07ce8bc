/* The fast yardstick: an IPv4 echo server of recvmmsg and sendmmsg, 64 datagrams at a time.
   With a word before the port, each datagram comes with where it was sent, its TTL and its TOS:
   what a server must ask for that answers from the right address and ends loops. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 2048 };

static char data[BATCH][SIZE];
static struct sockaddr_in names[BATCH];
static struct iovec iovecs[BATCH];
static struct mmsghdr messages[BATCH];
static char control[BATCH][160];

int main(int argc, char **argv)
{
    struct sockaddr_in host = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), described = argc > 2, on = 1;

    host.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    host.sin_port = htons(argc > 1 ? atoi(argv[argc - 1]) : 7);
    if (bind(fd, (struct sockaddr *)&host, sizeof host)) {
        perror("bind");
        return 1;
    }
    if (described) {
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
        setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
        setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int i, n, sent;

        for (i = 0; i < BATCH; i++) {
            iovecs[i] = (struct iovec){ data[i], SIZE };
            messages[i].msg_hdr = (struct msghdr){ &names[i], sizeof names[i], &iovecs[i], 1 };
            if (described) {
                messages[i].msg_hdr.msg_control = control[i];
                messages[i].msg_hdr.msg_controllen = sizeof control[i];
            }
        }
        n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (i = 0; i < n; i++) {
            iovecs[i].iov_len = messages[i].msg_len;
            messages[i].msg_hdr.msg_controllen = 0;
        }
        for (sent = 0; sent < n; sent += i > 0 ? i : 1)
            i = sendmmsg(fd, messages + sent, n - sent, 0);
    }
}
