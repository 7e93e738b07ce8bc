/* A closed loop of datagrams to an echo server on loopback: so many are outstanding, always.
 *
 * load PORT SECONDS OUTSTANDING SIZE SEGMENTS
 *
 * With SEGMENTS above 1 datagrams leave in trains of so many (UDP_SEGMENT) and their replies
 * are taken as trains (UDP_GRO). With 1 outstanding each round trip is timed. When nothing
 * comes for 100 ms, what was outstanding is counted as lost and sent anew. It never sleeps, so
 * that no server pays for waking it.
 *
 * Prints: datagrams echoed, seconds, lost, median round trip in microseconds (or 0).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

enum { BATCH = 64, ROOM = 65536, TIMES = 1 << 22 };

static char out[ROOM];
static char in[BATCH][ROOM];
static struct iovec outs[BATCH], ins[BATCH];
static struct mmsghdr sends[BATCH], receives[BATCH];
static float times[TIMES];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct sockaddr_in server = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20, on = 1, i;
    long outstanding, size, segments;
    long inflight = 0, echoed = 0, lost = 0, samples = 0;
    double seconds, start, end, sent_at = 0, heard_at;

    if (argc != 6)
        return fprintf(stderr, "usage: load PORT SECONDS OUTSTANDING SIZE SEGMENTS\n"), 2;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons(atoi(argv[1]));
    seconds = atof(argv[2]);
    outstanding = atol(argv[3]);
    size = atol(argv[4]);
    segments = atol(argv[5]);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (connect(fd, (struct sockaddr *)&server, sizeof server))
        return perror("connect"), 1;
    if (segments > 1) {
        int segment = size;

        if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment)
            || setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on))
            return perror("trains"), 1;
    }
    for (i = 0; i < BATCH; i++) {
        outs[i] = (struct iovec){ out, size * segments };
        ins[i] = (struct iovec){ in[i], ROOM };
        sends[i].msg_hdr = (struct msghdr){ .msg_iov = &outs[i], .msg_iovlen = 1 };
        receives[i].msg_hdr = (struct msghdr){ .msg_iov = &ins[i], .msg_iovlen = 1 };
    }
    start = now();
    end = start + seconds;
    heard_at = start;
    while (now() < end) {
        long room = (outstanding - inflight) / segments;
        int n;

        if (room > 0) {
            sent_at = now();
            n = sendmmsg(fd, sends, room < BATCH ? room : BATCH, 0);
            if (n > 0)
                inflight += n * segments;
            if (n == BATCH)
                continue;
        }
        n = recvmmsg(fd, receives, BATCH, MSG_DONTWAIT, NULL);
        if (n > 0) {
            heard_at = now();
        } else if (now() - heard_at > 0.1) {
            lost += inflight;
            inflight = 0;
            heard_at = now();
        }
        for (i = 0; i < n; i++) {
            long count = (receives[i].msg_len + size - 1) / size;

            echoed += count;
            inflight -= count;
        }
        if (inflight < 0)
            inflight = 0;
        if (outstanding == 1 && n == 1 && samples < TIMES)
            times[samples++] = (now() - sent_at) * 1e6;
    }
    end = now();
    qsort(times, samples, sizeof times[0], ascending);
    printf("%ld %.6f %ld %.2f\n", echoed, end - start, lost, samples ? times[samples / 2] : 0.0);
    return 0;
}
