/* The floor: epoll, one send() of the same bytes to every subscriber, nothing else. `rawfan PORT [joined]`
 *
 * It speaks as much of the Pusher protocol as `wsload` needs, of one channel. A publisher's frame is sent on as it is.
 * joined: the frames that were read at once go out with one send() per subscriber. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 20000

typedef struct { int fd, upgraded; size_t length; unsigned char read[8192]; } Client;

static Client *subscribers[MOST];
static int subscribed, joined;
static unsigned char out[1 << 20];
static size_t waiting; /* bytes in `out` */

/* `wsload` always asks with the sample key of RFC 6455, so the answer is known. */
static const char UPGRADED[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char ESTABLISHED[] = "{\"event\":\"pusher:connection_established\","
                                  "\"data\":\"{\\\"socket_id\\\":\\\"1.1\\\",\\\"activity_timeout\\\":120}\"}";
static const char SUBSCRIBED[] = "{\"event\":\"pusher_internal:subscription_succeeded\",\"channel\":\"bench\",\"data\":\"{}\"}";

static void deliver(int fd, const void *bytes, size_t length) {
    for (const char *at = bytes; length;) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) usleep(50);
        else if (sent < 0) return;
        else at += sent, length -= sent;
    }
}

static size_t frame(unsigned char *to, const void *text, size_t length) {
    size_t head = length < 126 ? 2 : 4;
    to[0] = 0x81;
    to[1] = length < 126 ? length : 126;
    if (head == 4) to[2] = length >> 8, to[3] = length;
    memcpy(to + head, text, length);
    return head + length;
}

static void say(Client *client, const char *text) {
    unsigned char bytes[1024];
    deliver(client->fd, bytes, frame(bytes, text, strlen(text)));
}

static void fan_out(Client *publisher) {
    for (int i = 0; i < subscribed; i++)
        if (subscribers[i] != publisher) deliver(subscribers[i]->fd, out, waiting);
    waiting = 0;
}

static void heard(Client *client, const char *text, size_t length) {
    if (memmem(text, length < 60 ? length : 60, "pusher:subscribe", 16)) {
        say(client, SUBSCRIBED);
        if (subscribed < MOST) subscribers[subscribed++] = client;
    } else {
        waiting += frame(out + waiting, text, length);
        if (!joined) fan_out(client);
    }
}

/* Take the whole frames (all are masked) out of what was read. */
static void take(Client *client) {
    size_t at = 0;
    while (client->length - at >= 6) {
        unsigned char *bytes = client->read + at;
        size_t length = bytes[1] & 127, head = 2;
        if (length == 126) length = bytes[2] << 8 | bytes[3], head = 4;
        if (client->length - at < head + 4 + length) break;
        unsigned char *mask = bytes + head, *text = mask + 4;
        for (size_t i = 0; i < length; i++) text[i] ^= mask[i & 3];
        if ((bytes[0] & 15) == 1) heard(client, (char *)text, length);
        at += head + 4 + length;
    }
    memmove(client->read, client->read + at, client->length - at);
    client->length -= at;
}

static void leave(Client *client) {
    for (int i = 0; i < subscribed; i++)
        if (subscribers[i] == client) subscribers[i] = subscribers[--subscribed];
    close(client->fd);
    free(client);
}

static void readable(Client *client) {
    ssize_t some = recv(client->fd, client->read + client->length, sizeof client->read - client->length, 0);
    if (some < 0 && errno == EAGAIN) return;
    if (some <= 0) { leave(client); return; }
    client->length += some;
    if (client->upgraded) {
        take(client);
        if (waiting) fan_out(client);
    } else if (memmem(client->read, client->length, "\r\n\r\n", 4)) {
        client->upgraded = 1;
        client->length = 0;
        deliver(client->fd, UPGRADED, sizeof UPGRADED - 1);
        say(client, ESTABLISHED);
    }
}

static void welcome(int listener, int poll) {
    int fd, yes = 1;
    while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
        Client *client = calloc(1, sizeof *client);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int count, char **words) {
    int yes = 1, poll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (count < 2) return 2;
    joined = count > 2;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event first = {.events = EPOLLIN, .data.ptr = 0};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 4096)) { perror("rawfan"); return 1; }
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &first);
    for (;;) {
        struct epoll_event events[512];
        int some = epoll_wait(poll, events, 512, -1);
        for (int i = 0; i < some; i++)
            if (events[i].data.ptr) readable(events[i].data.ptr);
            else welcome(listener, poll);
    }
}
