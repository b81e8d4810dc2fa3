/* A disk in trouble, for real processes: preloaded into one (LD_PRELOAD), it makes its calls to the disk fail, stall or come
 * back short, and writes down what each call did, so that what was not synced can be forgotten after a kill.
 *
 *   DISK_ROOT      only what is in this folder is looked at
 *   DISK_RULES     a file of rules, looked at with every call; one a line, the first that fits:  OPERATION ACTION NUMBER TIMES PATH
 *   DISK_JOURNAL   where the calls that changed something are written down; read by disk_journal.ts
 *
 * A rule's operation is write, sync, dirsync, truncate, create, rename, unlink, mkdir or read; its action is `fail` with an
 * errno, `stall` for milliseconds, or `half` (a write of half the bytes); it holds for so many calls (0: all) on paths with PATH in
 * them, counted from when the file of rules last changed.
 *
 * Names of the C library alone would not do: Deno goes through them, but Bun makes openat and pwrite64 by the bare instruction.
 * So the kernel is asked, by a seccomp filter, to send a SIGSYS where one of these calls is made, from wherever; the handler
 * makes the call itself, by an instruction that the filter lets pass. Linux on x86-64 only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "x86-64 only"
#endif

long disk_call(long number, long a, long b, long c, long d, long e);
extern const char disk_call_begin[], disk_call_end[];
__asm__(
    ".text\n.globl disk_call, disk_call_begin, disk_call_end\n"
    "disk_call_begin:\n"
    "disk_call:\n"
    "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n  mov %r8, %r10\n  mov %r9, %r8\n"
    "  syscall\n  ret\n"
    "disk_call_end:\n");

enum kind { WRITE = 1, TRUNCATE, SYNCED, SYNC_FAILED, CREATE, RENAME, UNLINK, MKDIR, RMDIR };

/* Followed by `payload` bytes. The journal's position counts bytes. */
struct record {
  uint32_t kind, payload;
  uint64_t inode, a, b;
};

static char root[PATH_MAX], rules_path[PATH_MAX];
static size_t root_length;
static int journal = -1;
static uint64_t journal_size;
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------------------------------------ journal */

static void note(enum kind kind, uint64_t inode, uint64_t a, uint64_t b, const void *bytes, size_t size) {
  if (journal < 0) return;
  struct record record = {kind, (uint32_t)size, inode, a, b};
  struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, size}};
  pthread_mutex_lock(&journal_lock);
  long done = disk_call(SYS_writev, journal, (long)parts, size > 0 ? 2 : 1, 0, 0);
  if (done != (long)(sizeof record + size)) {
    static const char problem[] = "disk_trouble: the journal cannot be written\n";
    disk_call(SYS_write, 2, (long)problem, sizeof problem - 1, 0, 0);
    disk_call(SYS_exit_group, 99, 0, 0, 0, 0);
  }
  journal_size += (uint64_t)done;
  pthread_mutex_unlock(&journal_lock);
}

static uint64_t journal_position(void) {
  pthread_mutex_lock(&journal_lock);
  uint64_t position = journal_size;
  pthread_mutex_unlock(&journal_lock);
  return position;
}

/* ------------------------------------------------------------------------------------------------ rules */

struct verdict {
  long error; /* negative errno, or 0 */
  long stall_ms;
  int is_half;
};

static struct verdict judge(const char *operation, const char *path) {
  static char text[8192], last[8192];
  static long counts[64];
  struct verdict verdict = {0, 0, 0};
  pthread_mutex_lock(&rules_lock);
  long file = disk_call(SYS_openat, AT_FDCWD, (long)rules_path, O_RDONLY | O_CLOEXEC, 0, 0);
  long size = file < 0 ? 0 : disk_call(SYS_read, file, (long)text, sizeof text - 1, 0, 0);
  if (file >= 0) disk_call(SYS_close, file, 0, 0, 0, 0);
  text[size < 0 ? 0 : size] = 0;
  if (strcmp(text, last) != 0) {
    memset(counts, 0, sizeof counts);
    strcpy(last, text);
  }
  int index = 0;
  for (char *line = text, *end; *line && index < 64; line = end, index++) {
    end = strchr(line, '\n');
    if (end == NULL) end = line + strlen(line);
    else *end++ = 0;
    char wanted[16], action[16], part[256] = "";
    long number, times;
    if (sscanf(line, "%15s %15s %ld %ld %255s", wanted, action, &number, &times, part) < 4) continue;
    if (strcmp(wanted, operation) != 0 || strstr(path, part) == NULL) continue;
    if (times > 0 && counts[index] >= times) continue;
    counts[index]++;
    if (strcmp(action, "fail") == 0) verdict.error = -number;
    if (strcmp(action, "stall") == 0) verdict.stall_ms = number;
    if (strcmp(action, "half") == 0) verdict.is_half = 1;
    break;
  }
  pthread_mutex_unlock(&rules_lock);
  if (verdict.stall_ms > 0) {
    struct timespec wait = {verdict.stall_ms / 1000, verdict.stall_ms % 1000 * 1000000};
    disk_call(SYS_nanosleep, (long)&wait, (long)&wait, 0, 0, 0);
  }
  return verdict;
}

/* ------------------------------------------------------------------------------------------------ calls */

/* The part of `path` below the root, or NULL. */
static const char *inside(const char *path) {
  if (path == NULL || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return ".";
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static const char *inside_of(long file, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%ld", file);
  long size = disk_call(SYS_readlink, (long)link, (long)buffer, PATH_MAX - 1, 0, 0);
  if (size <= 0) return NULL;
  buffer[size] = 0;
  return inside(buffer);
}

static uint64_t inode_of(long file) {
  struct stat stat;
  return disk_call(SYS_fstat, file, (long)&stat, 0, 0, 0) < 0 ? 0 : stat.st_ino;
}

static int is_directory(long file) {
  struct stat stat;
  return disk_call(SYS_fstat, file, (long)&stat, 0, 0, 0) == 0 && S_ISDIR(stat.st_mode);
}

static int exists(const char *path) {
  return disk_call(SYS_access, (long)path, F_OK, 0, 0, 0) == 0;
}

static long on_write(long file, long bytes, long size, long position) {
  char buffer[PATH_MAX];
  const char *path = inside_of(file, buffer);
  if (path == NULL) return disk_call(SYS_pwrite64, file, bytes, size, position, 0);
  struct verdict verdict = judge("write", path);
  if (verdict.error != 0) return verdict.error;
  if (verdict.is_half && size > 1) size /= 2;
  long done = disk_call(SYS_pwrite64, file, bytes, size, position, 0);
  if (done > 0) note(WRITE, inode_of(file), (uint64_t)position, 0, (void *)bytes, (size_t)done);
  return done;
}

static long on_read(long file, long bytes, long size, long position) {
  char buffer[PATH_MAX];
  const char *path = inside_of(file, buffer);
  struct verdict verdict = {0, 0, 0};
  if (path != NULL) verdict = judge("read", path);
  return verdict.error != 0 ? verdict.error : disk_call(SYS_pread64, file, bytes, size, position, 0);
}

static long on_sync(long number, long file) {
  char buffer[PATH_MAX];
  const char *path = inside_of(file, buffer);
  if (path == NULL) return disk_call(number, file, 0, 0, 0, 0);
  uint64_t from = journal_position();
  struct verdict verdict = judge(is_directory(file) ? "dirsync" : "sync", path);
  long result = verdict.error != 0 ? verdict.error : disk_call(number, file, 0, 0, 0, 0);
  note(result == 0 ? SYNCED : SYNC_FAILED, inode_of(file), from, 0, NULL, 0);
  return result;
}

static long on_truncate(long file, long size) {
  char buffer[PATH_MAX];
  const char *path = inside_of(file, buffer);
  if (path == NULL) return disk_call(SYS_ftruncate, file, size, 0, 0, 0);
  struct verdict verdict = judge("truncate", path);
  if (verdict.error != 0) return verdict.error;
  long result = disk_call(SYS_ftruncate, file, size, 0, 0, 0);
  if (result == 0) note(TRUNCATE, inode_of(file), (uint64_t)size, 0, NULL, 0);
  return result;
}

static long on_open(long directory, const char *name, long flags, long mode) {
  const char *path = inside(name);
  if (path == NULL) return disk_call(SYS_openat, directory, (long)name, flags, mode, 0);
  int is_new = (flags & O_CREAT) && !exists(name);
  struct verdict verdict = {0, 0, 0};
  if (is_new || (flags & O_TRUNC)) verdict = judge(is_new ? "create" : "truncate", path);
  if (verdict.error != 0) return verdict.error;
  long file = disk_call(SYS_openat, directory, (long)name, flags, mode, 0);
  if (file < 0) return file;
  if (is_new) note(CREATE, inode_of(file), 0, 0, path, strlen(path));
  else if (flags & O_TRUNC) note(TRUNCATE, inode_of(file), 0, 0, NULL, 0);
  return file;
}

static long on_rename(const char *source, const char *target) {
  const char *from = inside(source), *to = inside(target);
  if (from == NULL || to == NULL) return disk_call(SYS_rename, (long)source, (long)target, 0, 0, 0);
  struct verdict verdict = judge("rename", from);
  if (verdict.error != 0) return verdict.error;
  long result = disk_call(SYS_rename, (long)source, (long)target, 0, 0, 0);
  if (result < 0) return result;
  char both[2 * PATH_MAX];
  int size = snprintf(both, sizeof both, "%s\n%s", from, to);
  note(RENAME, 0, 0, 0, both, (size_t)size);
  return result;
}

/* Deno removes what is in a folder by a descriptor of the folder and a name. */
static long on_unlink(long directory, const char *name, long flags) {
  char whole[2 * PATH_MAX] = "";
  const char *path = inside(name);
  if (path == NULL && name[0] != '/' && directory != AT_FDCWD) {
    char buffer[PATH_MAX];
    const char *parent = inside_of(directory, buffer);
    if (parent != NULL) {
      snprintf(whole, sizeof whole, "%s/%s", parent, name);
      path = whole;
    }
  }
  if (path == NULL) return disk_call(SYS_unlinkat, directory, (long)name, flags, 0, 0);
  struct verdict verdict = judge("unlink", path);
  if (verdict.error != 0) return verdict.error;
  long result = disk_call(SYS_unlinkat, directory, (long)name, flags, 0, 0);
  if (result == 0) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, 0, 0, path, strlen(path));
  return result;
}

static long on_mkdir(const char *name, long mode) {
  const char *path = inside(name);
  if (path == NULL) return disk_call(SYS_mkdir, (long)name, mode, 0, 0, 0);
  struct verdict verdict = judge("mkdir", path);
  if (verdict.error != 0) return verdict.error;
  long result = disk_call(SYS_mkdir, (long)name, mode, 0, 0, 0);
  struct stat stat;
  if (result == 0 && disk_call(SYS_stat, (long)name, (long)&stat, 0, 0, 0) == 0) {
    note(MKDIR, stat.st_ino, 0, 0, path, strlen(path));
  }
  return result;
}

static long perform(long number, const greg_t *r) {
  long a = r[REG_RDI], b = r[REG_RSI], c = r[REG_RDX], d = r[REG_R10];
  switch (number) {
    case SYS_pwrite64: return on_write(a, b, c, d);
    case SYS_pread64: return on_read(a, b, c, d);
    case SYS_fsync:
    case SYS_fdatasync: return on_sync(number, a);
    case SYS_ftruncate: return on_truncate(a, b);
    case SYS_open: return on_open(AT_FDCWD, (const char *)a, b, c);
    case SYS_openat: return on_open(a, (const char *)b, c, d);
    case SYS_rename: return on_rename((const char *)a, (const char *)b);
    case SYS_renameat:
    case SYS_renameat2: return on_rename((const char *)b, (const char *)d);
    case SYS_unlink: return on_unlink(AT_FDCWD, (const char *)a, 0);
    case SYS_rmdir: return on_unlink(AT_FDCWD, (const char *)a, AT_REMOVEDIR);
    case SYS_unlinkat: return on_unlink(a, (const char *)b, c);
    case SYS_mkdir: return on_mkdir((const char *)a, b);
    case SYS_mkdirat: return on_mkdir((const char *)b, c);
    case SYS_rt_sigaction: return 0; /* Bun sets a handler of SIGSYS, which says ENOSYS: ours must stay. */
    default: return -ENOSYS;
  }
}

static void handle(int signal, siginfo_t *info, void *context) {
  (void)signal;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  registers[REG_RAX] = perform(info->si_syscall, registers);
}

/* ------------------------------------------------------------------------------------------------ filter */

#define FIELD(name) offsetof(struct seccomp_data, name)
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define PASS BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define TRAP_IF(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), TRAP
#define TRAP_IF_FIRST(number, argument) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 4), LOAD(FIELD(args[0])), \
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (argument), 0, 1), TRAP, PASS
/* Only what makes or empties a file: the loader opens others before the handler of a program started from here is set. */
#define TRAP_IF_CHANGES(number, flags) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 4), LOAD(FIELD(flags)), \
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1), TRAP, PASS

static void install(void) {
  uint64_t begin = (uint64_t)disk_call_begin, end = (uint64_t)disk_call_end;
  struct sock_filter filter[] = {
      LOAD(FIELD(instruction_pointer) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(begin >> 32), 0, 4),
      LOAD(FIELD(instruction_pointer)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)begin, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)end, 1, 0),
      PASS,
      LOAD(FIELD(arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      PASS,
      LOAD(FIELD(nr)),
      TRAP_IF(SYS_pwrite64),
      TRAP_IF(SYS_pread64),
      TRAP_IF(SYS_fsync),
      TRAP_IF(SYS_fdatasync),
      TRAP_IF(SYS_ftruncate),
      TRAP_IF(SYS_rename),
      TRAP_IF(SYS_renameat),
      TRAP_IF(SYS_renameat2),
      TRAP_IF(SYS_unlink),
      TRAP_IF(SYS_unlinkat),
      TRAP_IF(SYS_rmdir),
      TRAP_IF(SYS_mkdir),
      TRAP_IF(SYS_mkdirat),
      TRAP_IF_FIRST(SYS_rt_sigaction, SIGSYS),
      TRAP_IF_CHANGES(SYS_open, args[1]),
      TRAP_IF_CHANGES(SYS_openat, args[2]),
      PASS,
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("disk_trouble: no filter");
    _exit(98);
  }
}

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("DISK_ROOT"), *rules = getenv("DISK_RULES"), *path = getenv("DISK_JOURNAL");
  if (folder == NULL || rules == NULL) return;
  root_length = strlen(folder);
  strncpy(root, folder, sizeof root - 1);
  strncpy(rules_path, rules, sizeof rules_path - 1);
  if (path != NULL) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    /* Out of the way: a program may count on low numbers. */
    journal = fcntl(file, F_DUPFD_CLOEXEC, 500);
    close(file);
    if (journal < 0) _exit(97);
    journal_size = (uint64_t)lseek(journal, 0, SEEK_END);
  }
  struct sigaction action = {0};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  sigaction(SIGSYS, &action, NULL);
  install();
}
