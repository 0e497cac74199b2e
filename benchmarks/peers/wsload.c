/* N subscribers of one channel and what publishes to them: one thread, epoll, so that it costs little beside the server.
 *
 *   wsload SERVER_PORT PATH SERVER_PID REDIS_PORT SUBSCRIBERS EVENTS WINDOW RATE
 *
 * REDIS_PORT 0: the events are client events of one more connection; otherwise XADDs to the stream `taboor:events`.
 * WINDOW: so many events are under way at once. RATE: so many a second instead, each with the time it was due.
 * It prints one JSON object: the server's CPU time (schedstat) and memory, and for a rate the time to the subscribers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTING_AT_ONCE 64
#define PATIENCE 30000000000ull /* ns without any news */
#define PADDING 160             /* makes 200 bytes of data */

enum { CONNECTING, UPGRADING, GREETING, SUBSCRIBING, READY };
typedef struct { int fd, state; unsigned char *rest; size_t length; } Connection;

static int port, server, redis_port, subscribers, window, poll_fd, ready;
static const char *path;
static long events;
static double rate;
static Connection *connections;
static int redis = -1;
static uint64_t received, bytes, last_news;
static uint32_t *took; /* microseconds */
static char padding[PADDING + 1];
static unsigned char input[1 << 20];

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void give_up(const char *why) {
    fprintf(stderr, "wsload: %s (%s; %d ready, %llu received)\n", why, strerror(errno), ready, (unsigned long long)received);
    exit(1);
}

static void put(int fd, const void *what, size_t length) {
    for (const char *at = what; length;) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) give_up("the server does not listen");
        if (sent > 0) at += sent, length -= sent;
    }
}

/* With a mask of zeros: the text stays as it is. */
static void put_frame(int fd, int opcode, const char *text, size_t length) {
    unsigned char frame[2048] = {0x80 | opcode, 0x80 | (length < 126 ? length : 126)};
    size_t head = length < 126 ? 6 : 8;
    if (head == 8) frame[2] = length >> 8, frame[3] = length;
    memcpy(frame + head, text, length);
    put(fd, frame, head + length);
}

static void subscribe(Connection *connection) {
    static const char text[] = "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"bench\"}}";
    put_frame(connection->fd, 1, text, sizeof text - 1);
    connection->state = SUBSCRIBING;
}

static void heard(Connection *connection, int opcode, const char *text, size_t length, uint64_t at) {
    const char *due;
    if (opcode == 9) put_frame(connection->fd, 10, text, length);
    else if (opcode == 8) give_up("the server closes");
    else if (connection->state == GREETING) subscribe(connection);
    else if (connection->state == SUBSCRIBING) {
        if (!memmem(text, length, "subscription_succeeded", 22)) give_up("not subscribed");
        connection->state = READY;
        ready++;
    } else if ((due = memmem(text, length, "@@", 2))) {
        if (took) took[received] = (at - strtoull(due + 2, 0, 10)) / 1000;
        received++;
        bytes += length;
    } else if (memmem(text, length, "pusher:ping", 11)) put_frame(connection->fd, 1, "{\"event\":\"pusher:pong\"}", 23);
}

static size_t upgraded(Connection *connection, size_t length) {
    unsigned char *end = memmem(input, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!memmem(input, end - input, " 101 ", 5)) give_up("not upgraded");
    connection->state = GREETING;
    return end + 4 - input;
}

/* Take the whole frames out of the input; return how much of it that was. */
static size_t take(Connection *connection, size_t length) {
    uint64_t at = now();
    size_t done = connection->state == UPGRADING ? upgraded(connection, length) : 0;
    while (connection->state != UPGRADING && length - done >= 2) {
        unsigned char *frame = input + done;
        size_t size = frame[1] & 127, head = 2;
        if (size == 126) size = frame[2] << 8 | frame[3], head = 4;
        if (length - done < head + size) break;
        heard(connection, frame[0] & 15, (char *)frame + head, size, at);
        done += head + size;
    }
    return done;
}

static void readable(Connection *connection) {
    size_t length = connection->length;
    if (length) memcpy(input, connection->rest, length);
    ssize_t some = recv(connection->fd, input + length, sizeof input - length, 0);
    if (some < 0 && errno == EAGAIN) return;
    if (some <= 0) give_up("a connection is gone");
    length += some;
    size_t done = take(connection, length);
    connection->length = length - done;
    if (length > done) {
        connection->rest = realloc(connection->rest, length - done);
        memcpy(connection->rest, input + done, length - done);
    }
}

static void watch(int operation, int fd, uint32_t what, void *whose) {
    struct epoll_event event = {.events = what, .data.ptr = whose};
    epoll_ctl(poll_fd, operation, fd, &event);
}

static void connected(Connection *connection) {
    char request[512];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, port);
    connection->state = UPGRADING;
    watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    put(connection->fd, request, length);
}

static void wait_for_news(int64_t nanoseconds) {
    struct epoll_event happened[512];
    struct timespec patience = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int some = epoll_pwait2(poll_fd, happened, 512, &patience, 0);
    if (some > 0) last_news = now();
    else if (now() - last_news > PATIENCE) give_up("nothing comes any more");
    for (int i = 0; i < some; i++) {
        Connection *connection = happened[i].data.ptr;
        if (!connection) { if (recv(redis, input, sizeof input, 0) <= 0 || input[0] == '-') give_up((char *)input); }
        else if (connection->state == CONNECTING) connected(connection);
        else readable(connection);
    }
}

static int dial(int to, int flags) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (void *)&there, sizeof there) && errno != EINPROGRESS) give_up("cannot connect");
    return fd;
}

static void connect_all(int count) {
    connections = calloc(count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        connections[i].fd = dial(port, SOCK_NONBLOCK);
        watch(EPOLL_CTL_ADD, connections[i].fd, EPOLLOUT, &connections[i]);
        while (i - ready >= CONNECTING_AT_ONCE) wait_for_news(100000000);
    }
    while (ready < count) wait_for_news(100000000);
    for (uint64_t until = now() + 300000000; now() < until;) wait_for_news(50000000); /* let the server settle */
}

static int piece(char *to, const char *text, int length) {
    return sprintf(to, "$%d\r\n%.*s\r\n", length, length, text);
}

/* As the relay writes a fact, see shared/broadcasting/keys.py; the position is the microsecond. */
static void append(const char *data, int length) {
    static uint64_t position;
    uint64_t microsecond = now() / 1000;
    const char *head[] = {"XADD", "taboor:events", "MAXLEN", "~", "1000"};
    const char *tail[] = {"event", "client-bench", "channels", "[\"bench\"]", "occurred_at", "2026-01-01T00:00:00+00:00", "data"};
    char command[2048], id[32];
    int at = sprintf(command, "*14\r\n");
    position = microsecond > position ? microsecond : position + 1;
    for (int i = 0; i < 5; i++) at += piece(command + at, head[i], strlen(head[i]));
    at += piece(command + at, id, sprintf(id, "%llu-0", (unsigned long long)position));
    for (int i = 0; i < 7; i++) at += piece(command + at, tail[i], strlen(tail[i]));
    at += piece(command + at, data, length);
    put(redis, command, at);
}

static void publish(uint64_t due) {
    char data[512], event[1024];
    int length = snprintf(data, sizeof data, "{\"t\":\"@@%llu\",\"p\":\"%s\"}", (unsigned long long)due, padding);
    if (redis >= 0) { append(data, length); return; }
    length = snprintf(event, sizeof event, "{\"event\":\"client-bench\",\"channel\":\"bench\",\"data\":"
        "\"{\\\"t\\\":\\\"@@%llu\\\",\\\"p\\\":\\\"%s\\\"}\"}", (unsigned long long)due, padding);
    put_frame(connections[subscribers].fd, 1, event, length);
}

/* The seconds of all threads of the server on a CPU. */
static double cpu(void) {
    char name[300];
    double seconds = 0;
    snprintf(name, sizeof name, "/proc/%d/task", server);
    DIR *tasks = opendir(name);
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        unsigned long long nanoseconds;
        snprintf(name, sizeof name, "/proc/%d/task/%s/schedstat", server, task->d_name);
        FILE *file = task->d_name[0] == '.' ? 0 : fopen(name, "r");
        if (file && fscanf(file, "%llu", &nanoseconds) == 1) seconds += nanoseconds / 1e9;
        if (file) fclose(file);
    }
    if (tasks) closedir(tasks);
    return seconds;
}

static long kilobytes(void) {
    char name[64], line[256];
    long found = 0;
    snprintf(name, sizeof name, "/proc/%d/status", server);
    FILE *file = fopen(name, "r");
    while (file && fgets(line, sizeof line, file)) if (!strncmp(line, "VmRSS:", 6)) found = atol(line + 6);
    if (file) fclose(file);
    return found;
}

static void in_a_window(long count) {
    for (long sent = 0; received < (uint64_t)count * subscribers; wait_for_news(1000000000))
        while (sent < count && sent - (long)(received / subscribers) < window) publish(now()), sent++;
}

static void at_a_rate(void) {
    uint64_t began = now(), due = began;
    for (long sent = 0; received < (uint64_t)events * subscribers;) {
        for (; sent < events && now() >= due; due = began + (uint64_t)(++sent * 1e9 / rate)) publish(due);
        int64_t left = sent < events ? (int64_t)(due - now()) : 50000000;
        wait_for_news(left > 0 ? left : 0);
    }
}

static int by_size(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    struct rlimit files;
    if (count != 9) give_up("usage: see the source");
    port = atoi(words[1]), path = words[2], server = atoi(words[3]), redis_port = atoi(words[4]);
    subscribers = atoi(words[5]), events = atol(words[6]), window = atoi(words[7]), rate = atof(words[8]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    memset(padding, 'x', PADDING);
    poll_fd = epoll_create1(0);
    last_news = now();
    if (redis_port) watch(EPOLL_CTL_ADD, redis = dial(redis_port, 0), EPOLLIN, 0);
    long alone = kilobytes();
    connect_all(subscribers + !redis_port);
    long crowded = kilobytes();
    in_a_window(3); /* warm up */
    received = bytes = 0;
    if (rate) took = calloc((size_t)events * subscribers, sizeof *took);
    double before = cpu();
    uint64_t began = now();
    if (rate) at_a_rate();
    else in_a_window(events);
    double seconds = (now() - began) / 1e9, used = cpu() - before;
    if (took) qsort(took, received, sizeof *took, by_size);
    printf("{\"deliveries\": %llu, \"seconds\": %.3f, \"cpu\": %.4f, \"bytes\": %.0f, \"kilobytes\": %ld, \"p50\": %.3f, \"p99\": %.3f}\n",
        (unsigned long long)received, seconds, used * 1e6 / received, (double)bytes / received, crowded - alone,
        took ? took[received / 2] / 1e3 : 0, took ? took[received * 99 / 100] / 1e3 : 0);
}
