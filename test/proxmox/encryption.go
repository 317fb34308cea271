package proxmox

import (
	"encoding/binary"
	"fmt"
)

// aesGCM is the security algorithm code of AES-256-GCM, SPC-4 table 678.
const aesGCM = 0x00010014

// room is the allocation length of SECURITY PROTOCOL IN.
const room = 8192 + 4

// security reads a page of the tape data encryption protocol.
func (d *drive) security(page byte) ([]byte, error) {
	what := fmt.Sprintf("SECURITY PROTOCOL IN 20h/%04Xh", page)
	b, err := d.do(what, []byte{0xA2, 0x20, 0, page, 0, 0, 0, 0, room >> 8, room & 0xFF, 0, 0}, nil, room)
	if err == nil && (len(b) < 20 || binary.BigEndian.Uint16(b) != uint16(page) || int(binary.BigEndian.Uint16(b[2:]))+4 != len(b)) {
		err = fmt.Errorf("%s: % X", what, b)
	}
	return b, err
}

// algorithm finds the one that is AES-GCM, with keys of 32 bytes, both ways in the
// drive. Descriptors of another length than 24 are an error to the program.
func (d *drive) algorithm() (index byte, err error) {
	b, err := d.security(0x10)
	if err != nil {
		return 0, err
	}
	for b = b[20:]; len(b) > 0; b = b[24:] {
		if len(b) < 24 || binary.BigEndian.Uint16(b[2:]) != 20 {
			return 0, fmt.Errorf("a descriptor of an algorithm: % X", b)
		}
		if b[4]&0x03 == 2 && b[4]>>2&0x03 == 2 && binary.BigEndian.Uint16(b[10:]) == 32 && binary.BigEndian.Uint32(b[20:]) == aesGCM {
			return b[0], nil
		}
	}
	return 0, fmt.Errorf("no AES-GCM among the algorithms")
}

// encrypt has the drive encrypt what is written from now on, for all initiators,
// and decrypt what is encrypted among what is read; an empty key ends that.
func (d *drive) encrypt(key []byte) error {
	index, err := d.algorithm()
	if err != nil {
		return err
	}
	b := []byte{0, 0x10, 0, byte(16 + len(key)), 2 << 5, 0, 0, 0, index, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(key))}
	modes := uint16(0)
	if len(key) > 0 {
		b[6], b[7], modes = 2, 3, 0x0203
	}
	b = append(b, key...)
	if _, err := d.do("SECURITY PROTOCOL OUT 20h/0010h", []byte{0xB5, 0x20, 0, 0x10, 0, 0, 0, 0, 0, byte(len(b)), 0, 0}, b, 0); err != nil {
		return err
	}
	if b, err = d.security(0x20); err == nil && (len(b) < 24 || binary.BigEndian.Uint16(b[5:]) != modes) {
		err = fmt.Errorf("encryption status: % X, want the modes %04Xh", b, modes)
	}
	return err
}
