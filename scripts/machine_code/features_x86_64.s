# uint32 features(): what CPUID leaf 1 gives in ecx. Bit 1 is PCLMULQDQ, bit 20 SSE 4.2.

    .intel_syntax noprefix
    push rbx
    mov eax, 1
    xor ecx, ecx
    cpuid
    mov eax, ecx
    pop rbx
    ret
