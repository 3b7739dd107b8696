// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shows what a test reads of a BPF iterator. Loaded into test_progs (LD_PRELOAD) in confirming boots: it sees the
 * descriptors that BPF_ITER_CREATE gives, keeps what read() returns of them, and writes it, when the reading is over, to
 * the stdout of the moment. That is where the test writes as well, so the output lies among the test's own lines:
 *
 *	ITERATOR OUTPUT: bpf_map_elem
 *	=============
 *	|one line of it
 *	=============
 *
 * The bar in front keeps a line from being taken for something else. What cannot be printed is \xNN, a backslash \\.
 * app/domain/test_output.py reads the frame.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FD 1024
#define MAX_KEPT (64 * 1024)
#define MAX_SHOWN (16 * 1024 * 1024)
#define PINNED "/sys/fs/bpf/"

struct iter {
	char *kept;
	size_t size, cut;
	int open, failed;
	char target[256];
};

static struct iter iters[MAX_FD];
static size_t shown;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long (*real_syscall)(long number, ...);
static ssize_t (*real_read)(int fd, void *buf, size_t count);
static int (*real_close)(int fd);
static int (*real_open)(const char *path, int flags, ...);

__attribute__((constructor)) static void begin(void)
{
	real_syscall = dlsym(RTLD_NEXT, "syscall");
	real_read = dlsym(RTLD_NEXT, "read");
	real_close = dlsym(RTLD_NEXT, "close");
	real_open = dlsym(RTLD_NEXT, "open");
	unsetenv("LD_PRELOAD"); /* the tools that tests call are none of ours */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* stderr is not buffered: else the two would not keep their order */
}

static void show(struct iter *iter)
{
	size_t at, size = iter->size;

	if (size > MAX_SHOWN - shown)
		size = MAX_SHOWN - shown;
	shown += size;
	fprintf(stdout, "ITERATOR OUTPUT: %s\n=============\n", iter->target);
	for (at = 0; at < size; at++) {
		unsigned char c = iter->kept[at];

		if (at == 0 || iter->kept[at - 1] == '\n')
			putc('|', stdout);
		if (c == '\\')
			fputs("\\\\", stdout);
		else if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f))
			putc(c, stdout);
		else
			fprintf(stdout, "\\x%02x", c);
	}
	if (size && iter->kept[size - 1] != '\n')
		putc('\n', stdout);
	if (iter->size - size + iter->cut)
		fprintf(stdout, "[%zu bytes left out]\n", iter->size - size + iter->cut);
	if (iter->failed)
		fprintf(stdout, "[read() failed: %s]\n", strerrorname_np(iter->failed) ?: "?");
	fputs("=============\n", stdout);
}

/* Ends a descriptor's reading; what comes after the end of an iterator is not kept. */
static void end(int fd)
{
	struct iter *iter = &iters[fd];
	int saved = errno;

	if (iter->open)
		show(iter);
	free(iter->kept);
	memset(iter, 0, sizeof(*iter));
	errno = saved;
}

static void start(int fd, const char *target)
{
	if (fd < 0 || fd >= MAX_FD)
		return;
	pthread_mutex_lock(&lock);
	end(fd);
	iters[fd].open = 1;
	snprintf(iters[fd].target, sizeof(iters[fd].target), "%s", target);
	pthread_mutex_unlock(&lock);
}

/* Says what a link iterates over: the kernel's name of it, such as "task" or "bpf_map_elem". */
static void name_target(int link_fd, char *name, size_t size)
{
	struct bpf_link_info info = {};
	union bpf_attr attr;
	int saved = errno;

	memset(&attr, 0, sizeof(attr));
	info.iter.target_name = (__u64)(unsigned long)name;
	info.iter.target_name_len = size;
	attr.info.bpf_fd = link_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (__u64)(unsigned long)&info;
	if (real_syscall(__NR_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)))
		snprintf(name, size, "?");
	errno = saved;
}

long syscall(long number, ...)
{
	long args[6], result;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	result = real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (number == __NR_bpf && (int)args[0] == BPF_ITER_CREATE && result >= 0) {
		char name[64] = "";

		name_target(((union bpf_attr *)args[1])->iter_create.link_fd, name, sizeof(name));
		start(result, name);
	}
	return result;
}

/* An iterator that is pinned is opened as a file. */
int open(const char *path, int flags, ...)
{
	va_list list;
	int mode, fd;

	va_start(list, flags);
	mode = va_arg(list, int);
	va_end(list);
	fd = real_open(path, flags, mode);
	if (fd >= 0 && !strncmp(path, PINNED, strlen(PINNED)) && !(flags & O_DIRECTORY)) {
		int saved = errno;

		start(fd, path);
		errno = saved;
	}
	return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

ssize_t read(int fd, void *buf, size_t count)
{
	ssize_t got = real_read(fd, buf, count);
	int saved = errno;
	struct iter *iter;
	size_t room;
	char *more;

	if (fd < 0 || fd >= MAX_FD || !iters[fd].open)
		return got;
	pthread_mutex_lock(&lock);
	iter = &iters[fd];
	if (iter->open && got > 0) {
		room = MAX_KEPT - iter->size;
		if (room > (size_t)got)
			room = got;
		more = room ? realloc(iter->kept, iter->size + room) : NULL;
		if (more) {
			memcpy(more + iter->size, buf, room);
			iter->kept = more;
			iter->size += room;
		}
		iter->cut += got - (more ? room : 0);
	} else if (iter->open && (got ? saved != EAGAIN : count != 0)) { /* reading nothing is no end */
		iter->failed = got ? saved : 0;
		end(fd);
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
	return got;
}

int close(int fd)
{
	if (fd >= 0 && fd < MAX_FD && iters[fd].open) {
		pthread_mutex_lock(&lock);
		end(fd);
		pthread_mutex_unlock(&lock);
	}
	return real_close(fd);
}
