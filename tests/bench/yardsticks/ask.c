/* Many peers that probe one node, as ours do: what its reflector has to answer.
   Usage: ask ADDRESS PORT RATE SECONDS SOURCES AT-ONCE GAP. So many datagrams a second of 56 bytes,
   from 10.66.0.1 to .250, 10.66.1.1 and so on in turn: each sends AT-ONCE of them, GAP microseconds
   apart. Says how many were sent, and how many replies came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    struct sockaddr_in node = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    long rate = atol(argv[3]), all = rate * atol(argv[4]), sources = atol(argv[5]), came = 0;
    long at_once = atol(argv[6]), gap_ns = atol(argv[7]) * 1000;
    int skt = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    char data[2048] = {0};
    node.sin_addr.s_addr = inet_addr(argv[1]);
    setsockopt(skt, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    int64_t start = now();
    for (long sent = 0; sent < all; sent++) {
        long time = sent / at_once;
        int64_t due = start + time * at_once * 1000000000LL / rate + sent % at_once * gap_ns;
        struct timespec at = {due / 1000000000, due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        long n = time % sources;
        char control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
        struct iovec part = {data, 56};
        struct msghdr message = {&node, sizeof node, &part, 1, control, sizeof control, 0};
        struct cmsghdr *from = CMSG_FIRSTHDR(&message);
        *from = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
        struct in_pktinfo *source = (struct in_pktinfo *)CMSG_DATA(from);
        source->ipi_spec_dst.s_addr = htonl(10 << 24 | 66 << 16 | n / 250 << 8 | (n % 250 + 1));
        memcpy(data, &sent, sizeof sent);
        if (sendmsg(skt, &message, 0) < 0) return perror("sendmsg"), 1;
        while (recv(skt, data, sizeof data, MSG_DONTWAIT) >= 0) came++;
    }
    struct timespec second = {1, 0};
    nanosleep(&second, NULL);
    while (recv(skt, data, sizeof data, MSG_DONTWAIT) >= 0) came++;
    printf("%ld %ld\n", all, came);
    return 0;
}
