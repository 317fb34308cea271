package pdu

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrHeaderDigest means that the header does not match its digest: where
	// the next PDU begins is unknown (RFC 7143 7.8).
	ErrHeaderDigest = errors.New("pdu: header digest error")

	// ErrDataDigest means that the data do not match their digest; header and
	// framing are good (RFC 7143 7.8).
	ErrDataDigest = errors.New("pdu: data digest error")

	// ErrTooLong means a data segment larger than was declared.
	ErrTooLong = errors.New("pdu: data segment too long")
)

// Framing says what surrounds the headers and data of a connection.
type Framing struct {
	HeaderDigest, DataDigest bool

	// MaxData is the longest data segment to receive in bytes; 0 is
	// DefaultMaxRecvDataSegmentLength.
	MaxData int

	buf []byte
}

// Frame is one PDU as it was read. AHS and Data are valid until the next Read.
type Frame struct {
	Header Header
	AHS    []byte
	Data   []byte // without padding
}

// Read reads one PDU and no byte more. On ErrDataDigest the frame is complete.
// io.EOF means the end between two PDUs.
func (f *Framing) Read(r io.Reader, frame *Frame) error {
	if _, err := io.ReadFull(r, frame.Header[:]); err != nil {
		return err
	}
	ahs, data := frame.Header.AHSLength(), frame.Header.DataSegmentLength()
	if data > f.max() {
		return fmt.Errorf("%w: %v with %d bytes", ErrTooLong, frame.Header.Opcode(), data)
	}
	head := ahs
	if f.HeaderDigest {
		head += DigestLength
	}
	tail := data + Padding(data)
	if f.DataDigest && data > 0 {
		tail += DigestLength
	}
	if cap(f.buf) < head+tail {
		f.buf = make([]byte, head+tail)
	}
	buf := f.buf[:head+tail]
	if _, err := io.ReadFull(r, buf[:head]); err != nil {
		return unexpected(err)
	}
	frame.AHS = buf[:ahs]
	if f.HeaderDigest && ReadDigest(buf[ahs:]) != Digest(frame.Header[:], frame.AHS) {
		return ErrHeaderDigest
	}
	if _, err := io.ReadFull(r, buf[head:]); err != nil {
		return unexpected(err)
	}
	frame.Data = buf[head : head+data]
	if f.DataDigest && data > 0 {
		end := len(buf) - DigestLength
		if ReadDigest(buf[end:]) != Digest(buf[head:end]) {
			return ErrDataDigest
		}
	}
	return nil
}

// Append appends the PDU with padding and digests to dst. h's lengths are set
// from ahs and data; len(ahs) is a multiple of 4.
func (f *Framing) Append(dst []byte, h *Header, ahs, data []byte) []byte {
	h[4] = byte(len(ahs) / 4)
	h.SetDataSegmentLength(len(data))
	dst = append(dst, h[:]...)
	dst = append(dst, ahs...)
	var digest [DigestLength]byte
	if f.HeaderDigest {
		PutDigest(digest[:], Digest(h[:], ahs))
		dst = append(dst, digest[:]...)
	}
	if len(data) == 0 {
		return dst
	}
	at := len(dst)
	dst = append(dst, data...)
	for range Padding(len(data)) {
		dst = append(dst, 0)
	}
	if f.DataDigest {
		PutDigest(digest[:], Digest(dst[at:]))
		dst = append(dst, digest[:]...)
	}
	return dst
}

func (f *Framing) max() int {
	if f.MaxData == 0 {
		return DefaultMaxRecvDataSegmentLength
	}
	return f.MaxData
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
