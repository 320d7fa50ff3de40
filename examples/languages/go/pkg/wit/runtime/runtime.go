// Package runtime has what the generated bindings call, for functions that are not async.
package runtime

import (
	"runtime"
	"unsafe"
)

//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

// isReady says whether Go's heap can be used. The adapter of WASI preview 1 allocates its own
// memory when Go's runtime calls it first, before that.
var isReady bool

func init() {
	isReady = true
}

// received keeps the memory that the host fills alive until the bindings have read it. They read
// the results of a call before they allocate for the next one.
var received = make([]unsafe.Pointer, 0, 16)

// Allocate returns memory that does not move before the pinner unpins it.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	clear(received)
	received = received[:0]
	memory := allocate(size, align)
	pinner.Pin(memory)
	return memory
}

// reallocate is the function by which the host allocates strings and lists. It never enlarges any.
//
//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if !isReady {
		return sbrk(uintptr(size))
	}
	if old != nil || oldSize != 0 {
		panic("the host allocates each value once")
	}
	// No import may be called from here. A garbage collection would ask for the time, and does
	// not begin while this goroutine is pinned.
	procPin()
	memory := allocate(uintptr(size), uintptr(align))
	received = append(received, memory)
	procUnpin()
	return memory
}

// allocate returns memory of Go's heap, which moves nothing. Its address fits what WIT knows: at
// most 8 bytes of alignment.
func allocate(size, align uintptr) unsafe.Pointer {
	if align > 8 {
		panic("no type of WIT is aligned to more than 8 bytes")
	}
	words := make([]uint64, (size+7)/8+1)
	return unsafe.Pointer(&words[0])
}

// Handle is a handle of a resource, which is given away at most once. Zero is none.
type Handle struct {
	value int32
}

// MakeHandle owns a handle.
func MakeHandle(value int32) *Handle {
	if value == 0 {
		panic("a handle is not zero")
	}
	return &Handle{value}
}

// Use is the handle, which stays here.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("the handle was given away")
	}
	return h.value
}

// Take gives the handle away.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil gives the handle away if it is here, and returns zero otherwise.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set puts a handle where there was none.
func (h *Handle) Set(value int32) {
	if h.value != 0 {
		panic("there is a handle already")
	}
	h.value = value
}
