#pragma once
#include <errno.h>
#include <linux/nsfs.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <seccomp.h>

// Macros that Swift cannot call or does not see.
static const unsigned int cseccomp_refuse = SCMP_ACT_ERRNO(ENOSYS);
static const unsigned long long cseccomp_thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
static const unsigned long long cseccomp_network_namespace = CLONE_NEWNET;
static const unsigned long long cseccomp_namespace_kind = NS_GET_NSTYPE;
