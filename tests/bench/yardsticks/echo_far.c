/* An echo whose addresses are 1 to 32 ms away, each by its last number, and which answers from the
   address that was asked. Usage: echo_far PORT. For benches of many addresses on one host. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { FAR = 32, MANY = 4096, ROOM = 256 };

struct waiting {
    struct sockaddr_in peer;
    char control[64], data[ROOM];
    size_t told, length;
};

static struct waiting wheel[FAR][MANY];
static int there[FAR];

static int64_t now_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000LL + at.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
    int skt = socket(AF_INET, SOCK_DGRAM, 0), on = 1, room = 8 << 20;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    setsockopt(skt, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(skt, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (argc != 2 || bind(skt, (struct sockaddr *)&local, sizeof local)) return 1;
    for (int64_t tick = now_ms();; tick++) {
        struct pollfd come = {skt, POLLIN, 0};
        int64_t left;
        while ((left = tick - now_ms()) > 0 && poll(&come, 1, left) > 0) {
            struct waiting one;
            struct iovec part = {one.data, sizeof one.data};
            struct msghdr message = {&one.peer, sizeof one.peer, &part, 1, one.control, sizeof one.control, 0};
            ssize_t length = recvmsg(skt, &message, MSG_DONTWAIT);
            struct cmsghdr *asked = CMSG_FIRSTHDR(&message);
            if (length < 0 || !asked) continue;
            struct in_pktinfo *where = (struct in_pktinfo *)CMSG_DATA(asked);
            where->ipi_ifindex = 0;
            int place = (tick + (ntohl(where->ipi_addr.s_addr) & 255)) % FAR;
            one.length = length;
            one.told = message.msg_controllen;
            if (there[place] < MANY) wheel[place][there[place]++] = one;
        }
        int place = tick % FAR;
        for (int n = 0; n < there[place]; n++) {
            struct waiting *one = &wheel[place][n];
            struct iovec part = {one->data, one->length};
            struct msghdr message = {&one->peer, sizeof one->peer, &part, 1, one->control, one->told, 0};
            sendmsg(skt, &message, 0);
        }
        there[place] = 0;
    }
}
