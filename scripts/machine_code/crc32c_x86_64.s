# uint32 crc32c(const uint8 *bytes, uint32 length)
#
# System V calling convention, a leaf, no data, independent of its place. Needs SSE 4.2 and PCLMULQDQ.
#
# The crc32 instruction takes 8 bytes in 3 cycles and can begin another every cycle, so three chains run at once over
# three stretches of `size` bytes. A chain is then moved past the n bytes of the stretches behind it: multiplied, without
# carries, by x^(8n-33) mod P, and the crc32 instruction takes the remainder of the product (and adds the 33).
# After V. Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011.

    .intel_syntax noprefix

    .macro three size, past_two, past_one, next
    cmp rsi, 3 * \size
    jb \next
    mov eax, \past_two
    movq xmm2, rax
    mov eax, \past_one
    movq xmm3, rax
1:  xor r8d, r8d
    xor r9d, r9d
    lea r10, [rdi + \size]
2:  crc32 rdx, qword ptr [rdi]
    crc32 r8, qword ptr [rdi + \size]
    crc32 r9, qword ptr [rdi + 2 * \size]
    add rdi, 8
    cmp rdi, r10
    jne 2b
    movq xmm0, rdx
    movq xmm1, r8
    pclmulqdq xmm0, xmm2, 0
    pclmulqdq xmm1, xmm3, 0
    pxor xmm0, xmm1
    movq rax, xmm0
    xor edx, edx
    crc32 rdx, rax
    xor rdx, r9
    add rdi, 2 * \size
    sub rsi, 3 * \size
    cmp rsi, 3 * \size
    jae 1b
    .endm

    mov esi, esi
    mov edx, 0xffffffff
    three 4096, 0x54a86326, 0x82f89c77, 3f
3:  three 256, 0xdd7e3b0c, 0xb9e02b86, 4f
4:  sub rsi, 8
    jb 6f
5:  crc32 rdx, qword ptr [rdi]
    add rdi, 8
    sub rsi, 8
    jae 5b
6:  add rsi, 8
    jz 8f
7:  crc32 edx, byte ptr [rdi]
    inc rdi
    dec rsi
    jnz 7b
8:  mov eax, edx
    not eax
    ret
