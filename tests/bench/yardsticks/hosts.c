/* Many hosts once a second, as a C program would probe them: what the kernel's share of that is.
   Usage: hosts PORT HOSTS SECONDS. Those due within 5 ms are probed together, by sendto; replies
   and the kernel's stamps of both ways are taken by recvmmsg, and forgotten. The hosts are
   10.66.0.1 to .250, 10.66.1.1 and so on. Says how many were sent, and how many came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, GRAIN_NS = 5000000 };

static char data[BATCH][2048], control[BATCH][160];
static struct sockaddr_in names[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static long take(int skt, int flags) {
    long taken = 0;
    int n;
    do {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){data[i], sizeof data[i]};
            messages[i].msg_hdr = (struct msghdr){
                &names[i], sizeof names[i], &parts[i], 1, control[i], sizeof control[i], 0};
        }
        n = recvmmsg(skt, messages, BATCH, MSG_DONTWAIT | flags, NULL);
        taken += n > 0 ? n : 0;
    } while (n == BATCH);
    return taken;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), hosts = atoi(argv[2]), on = 1, room = 4 << 20;
    int stamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE
        | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
    int skt = socket(AF_INET, SOCK_DGRAM, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    setsockopt(skt, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(skt, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    setsockopt(skt, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    setsockopt(skt, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    if (setsockopt(skt, SOL_SOCKET, SO_TIMESTAMPING, &stamping, sizeof stamping)) return 1;
    int64_t start = now(), bursts = 1000000000LL / GRAIN_NS * atoi(argv[3]), per_second = 1000000000LL / GRAIN_NS;
    long sent = 0, came = 0;
    for (int64_t burst = 0; burst <= bursts; burst++) {
        int64_t due = start + burst * GRAIN_NS, turn = burst % per_second;
        struct itimerspec at = {{0, 0}, {due / 1000000000, due % 1000000000}};
        struct pollfd either[] = {{timer, POLLIN, 0}, {skt, POLLIN, 0}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, 0);
        while (poll(either, 2, -1) > 0 && !(either[0].revents & POLLIN)) {
            came += take(skt, 0);
            take(skt, MSG_ERRQUEUE);
        }
        if (burst == bursts) break;
        for (int n = turn * hosts / per_second; n < (turn + 1) * hosts / per_second; n++) {
            struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
            char payload[56] = {0};
            peer.sin_addr.s_addr = htonl(10 << 24 | 66 << 16 | n / 250 << 8 | (n % 250 + 1));
            sent += sendto(skt, payload, sizeof payload, 0, (void *)&peer, sizeof peer) > 0;
        }
    }
    printf("%ld %ld\n", sent, came);
    return 0;
}
