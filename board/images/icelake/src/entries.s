// Ways in from a running program: `syscall` and the 32 exceptions.

.text
.global syscall_entry
syscall_entry:                      // rcx: where to go on, r11: flags; all but rax, rcx and r11 come back as they were
    movq %rsp, program_stack(%rip)  // what lies below it is the program's red zone
    leaq kernel_stack_end(%rip), %rsp
    pushq %rcx
    pushq %r11
    pushq %r9
    pushq %r8
    pushq %r10
    pushq %rdx
    pushq %rsi
    pushq %rdi
    movq %rax, %rdi
    movq %rsp, %rsi
    call system_call
    popq %rdi
    popq %rsi
    popq %rdx
    popq %r10
    popq %r8
    popq %r9
    popfq
    popq %rcx
    movq program_stack(%rip), %rsp
    jmp *%rcx

.global exception_entries
.balign 16
exception_entries:                  // 16 bytes each
.set vector, 0
.rept 32
    .balign 16
    pushq $vector
    jmp exception
    .set vector, vector + 1
.endr

exception:
    movq %rsp, %rdi
    leaq kernel_stack_end(%rip), %rsp
    call fault

.section .bss.program_stack, "aw", @nobits
.balign 8
program_stack:
    .zero 8
