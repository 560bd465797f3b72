// From the reset vector to 64-bit Rust. Tables lie in the ROM, with the bits set that a processor would otherwise set in them.

.section .pages, "a"
// 4 GiB, each address mapped to itself, in pages of 1 GiB.
.balign 4096
top_table:
    .quad pages + 0x23
    .zero 4088
pages:
    .quad 0x000000e3, 0x400000e3, 0x800000e3, 0xc00000e3
    .zero 4064

.section .start, "ax"
.balign 8
segments:
    .quad 0
    .quad 0x00cf9b000000ffff        // 0x08: code, 32 bits
    .quad 0x00cf93000000ffff        // 0x10: data
    .quad 0x00af9b000000ffff        // 0x18: code, 64 bits
    .quad 0x00cf93000000ffff        // 0x20: the data segment that `syscall` expects behind it
segments_pointer:
    .word segments_pointer - segments - 1
    .long segments

.code16
start16:
    cli
    lgdtl %cs:segments_pointer - 0xf0000
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $start32

.code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x40620, %eax             // OSXSAVE, OSXMMEXCPT, OSFXSR, PAE
    movl %eax, %cr4
    movl $top_table, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          // EFER: long mode, syscall
    rdmsr
    orl $0x101, %eax
    wrmsr
    movl $0x80000023, %eax          // paging, x87 errors as exceptions, protected mode
    movl %eax, %cr0
    ljmpl $0x18, $start64

.code64
start64:
    fninit
    xorl %ecx, %ecx                 // XCR0: x87, SSE, AVX, opmask and both halves of the 512-bit registers
    xorl %edx, %edx
    movl $0xe7, %eax
    xsetbv
    leaq kernel_stack_end(%rip), %rsp
    call boot
    ud2

.section .reset, "ax"
.code16
    ljmpw $0xf000, $start16 - 0xf0000
    .balign 16
.code64

.section .bss.stack, "aw", @nobits
.balign 16
    .zero 65536
kernel_stack_end:
