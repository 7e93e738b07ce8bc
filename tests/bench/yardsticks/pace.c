/* One datagram a millisecond by timerfd and sendto: what a machine's own scheduling gives.
   Usage: pace ADDRESS PORT COUNT INTERVAL_NS. Says first when it began, in ns since 1970; each
   datagram of 64 bytes begins with its number, from 0. What comes back is read and forgotten. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    uint32_t count = atoi(argv[3]);
    int64_t interval = atoll(argv[4]), start = now(CLOCK_MONOTONIC) + interval;
    printf("%lld\n", (long long)(now(CLOCK_REALTIME) + start - now(CLOCK_MONOTONIC)));
    int skt = socket(AF_INET, SOCK_DGRAM, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    if (skt < 0 || timer < 0 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) return 1;
    char data[64] = {0};
    for (uint32_t number = 0; number < count; number++) {
        int64_t due = start + number * interval;
        struct itimerspec at = {{0, 0}, {due / 1000000000, due % 1000000000}};
        struct pollfd until = {timer, POLLIN, 0};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, 0);
        poll(&until, 1, -1);
        *(uint32_t *)data = htonl(number);
        sendto(skt, data, sizeof data, 0, (struct sockaddr *)&peer, sizeof peer);
        while (recv(skt, data, sizeof data, MSG_DONTWAIT) > 0) continue;
    }
    return 0;
}
