#!/bin/sh
# One warm revision by hand: what a person types who has the base's objects at hand. Paths as in the sandbox, so that
# make and ccache find what the base left: /build/linux (worktree at the base), /build/out, /build/selftests,
# /build/original (the whole worktree again), /build/lists/keep (files of the selection) and targets (suites), /build/mails.
#   by_hand.sh JOBS INITRD_PARTS...
set -eu
jobs=$1; shift
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_USER=reroll KBUILD_BUILD_HOST=reroll
export CCACHE_DIR=/build/ccache CCACHE_READONLY=1 CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content CCACHE_TEMPDIR=/tmp
export GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@localhost PATH=/usr/lib/llvm-19/bin:/usr/sbin:/usr/bin:/sbin:/bin
bpf=tools/testing/selftests/bpf

cd /build/original
for mail in /build/mails/*; do
    [ -e "$mail" ] && git am --quiet --3way --no-gpg-sign <"$mail"
done

make -C /build/linux O=/build/out CC="ccache gcc" HOSTCC="ccache gcc" -j"$jobs" bzImage modules

rm -f /build/linux/$bpf/prog_tests/tests.h
find /build/selftests -maxdepth 1 -name '*.test.[od]' -delete
tar -C $bpf --null --verbatim-files-from -T /build/lists/keep -cf - | tar -C /build/linux/$bpf -xf -
make -C /build/linux/$bpf OUTPUT=/build/selftests O=/build/out VMLINUX_BTF=/build/out/vmlinux KDIR=/build/linux \
    CLANG="ccache clang-19" LLC=llc-19 LLVM_STRIP=llvm-strip-19 feature-llvm=0 SKIP_DOCS=1 CC="ccache gcc" \
    HOSTCC="ccache gcc" -j"$jobs" $(cat /build/lists/targets)

mkdir -p /build/stage/selftests
cd /build/selftests
find . -maxdepth 1 ! -type d ! -name '*.test.o' ! -name '*.d' ! -name '*skel.h' \( ! -name '*.o' -o -name '*.bpf.o' \) \
    -print0 | xargs -0 cp -L -t /build/stage/selftests
cp "/build/linux/$bpf/veristat.cfg" /build/stage/selftests/
for target in $(cat /build/lists/targets); do strip --strip-debug "/build/stage/selftests/${target##*/}"; done
cd /build/stage
find selftests | cpio --create --format=newc --quiet >tests.cpio
cat "$1" tests.cpio "$2" >initrd
timeout 600 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2,sockets=2,cores=1,threads=1 -m 2048 \
    -nodefaults -no-user-config -display none -no-reboot -kernel /build/out/arch/x86/boot/bzImage -initrd initrd \
    -append "console=ttyS0 loglevel=5 panic=-1 rdinit=/init" -serial file:console -device virtio-serial-pci \
    -chardev file,id=results,path=results -device virtserialport,chardev=results,name=reroll.results \
    -device virtio-rng-pci
grep -a '^Summary:' results
