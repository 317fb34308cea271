package iscsi

import (
	"io"

	"govtl/iscsi/pdu"
)

// receiveBuffer is the size of the buffer for headers and small data, in bytes.
const receiveBuffer = 64 << 10

// receiver takes PDUs apart. Headers come out of a buffer that large reads fill;
// a block of data goes straight to where it is wanted, and the same system call
// brings what follows it into the buffer.
type receiver struct {
	stream *stream
	buf    []byte
	r, w   int

	// beforeRead is called before each read that may wait, and afterRead behind it.
	beforeRead, afterRead func()

	// partial is called when a header has begun to come and is not whole yet.
	partial func()

	// ahead is how much is read when a header is wanted. It is small after a
	// large block: what comes behind the next header is then probably data, which
	// would have to be copied out of the buffer.
	ahead int
}

func (x *receiver) init(s *stream) {
	x.stream, x.buf, x.ahead = s, make([]byte, receiveBuffer), receiveBuffer
}

// buffered is the number of bytes in the buffer.
func (x *receiver) buffered() int { return x.w - x.r }

// need returns the next n bytes, which stay valid until the next call. n is at
// most receiveBuffer.
func (x *receiver) need(n int) ([]byte, error) {
	if err := x.fill(n); err != nil {
		return nil, err
	}
	b := x.buf[x.r : x.r+n]
	x.r += n
	return b, nil
}

// fill waits until n bytes are in the buffer.
func (x *receiver) fill(n int) error {
	if x.w-x.r >= n {
		return nil
	}
	if x.r > 0 {
		x.w = copy(x.buf, x.buf[x.r:x.w])
		x.r = 0
	}
	if x.w > 0 && n == pdu.HeaderLength {
		x.partial()
	}
	for x.w < n {
		m, err := x.read(nil, x.buf[x.w:max(n, min(len(x.buf), x.ahead))])
		x.w += m
		if err != nil {
			if err == io.EOF && x.w > 0 {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if x.w < n && n == pdu.HeaderLength {
			x.partial()
		}
	}
	return nil
}

// into reads len(dst) bytes into dst.
func (x *receiver) into(dst []byte) error {
	n := copy(dst, x.buf[x.r:x.w])
	x.r += n
	dst = dst[n:]
	x.ahead = receiveBuffer
	if len(dst) >= receiveBuffer/2 {
		x.ahead = smallAhead
	}
	for len(dst) > 0 {
		x.r, x.w = 0, 0
		m, err := x.read(dst, x.buf[:x.ahead])
		if err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if m > len(dst) {
			x.w = m - len(dst)
			m = len(dst)
		}
		dst = dst[m:]
	}
	return nil
}

// smallAhead has room for some headers in a row.
const smallAhead = 4 << 10

// discard reads past n bytes.
func (x *receiver) discard(n int) error {
	for n > 0 {
		if x.r == x.w {
			if err := x.fill(1); err != nil {
				if err == io.EOF {
					return io.ErrUnexpectedEOF
				}
				return err
			}
		}
		m := min(n, x.w-x.r)
		x.r += m
		n -= m
	}
	return nil
}

func (x *receiver) read(a, b []byte) (int, error) {
	x.beforeRead()
	n, err := x.stream.read(a, b)
	x.afterRead()
	return n, err
}

// complete reports whether the buffer holds a whole PDU, with d bytes of digests
// at most: then it can be taken without waiting.
func (x *receiver) complete(d int) bool {
	if x.w-x.r < pdu.HeaderLength {
		return false
	}
	h := (*pdu.Header)(x.buf[x.r : x.r+pdu.HeaderLength])
	n := h.DataSegmentLength()
	return x.w-x.r >= pdu.HeaderLength+h.AHSLength()+n+pdu.Padding(n)+d
}
