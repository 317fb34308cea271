package ssc

import (
	"encoding/binary"
	"slices"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// Types of key-associated data, SSC-4 table 181.
const (
	kadUnauthenticated = 0x00
	kadAuthenticated   = 0x01
	kadNonce           = 0x02
	kadMetadata        = 0x03
)

// AUTHENTICATED of a key-associated data descriptor, SSC-4 table 182.
const (
	kadNotCovered   = 1
	kadNotAttempted = 2
	kadVerified     = 3
	kadFailed       = 4
)

// kadHeader is the length of a descriptor without its data.
const kadHeader = 4

// kad is a key-associated data descriptor, SSC-4 8.5.4.2.
type kad struct {
	kind uint8
	data []byte
}

// decodeKADs decodes a descriptor list, which begins at an offset of a parameter
// list, in ascending order of type. What does not fit is refused with its offset.
func decodeKADs(list []byte, offset int) ([]kad, error) {
	var all []kad
	for len(list) > 0 {
		if len(list) < kadHeader {
			return nil, scsi.InvalidParameterAt(offset, -1)
		}
		n := int(binary.BigEndian.Uint16(list[2:]))
		k := kad{kind: list[0]}
		switch {
		case k.kind > kadMetadata || slices.ContainsFunc(all, func(x kad) bool { return x.kind == k.kind }):
			return nil, scsi.InvalidParameterAt(offset, -1)
		case n > len(list)-kadHeader:
			return nil, scsi.InvalidParameterAt(offset+2, -1)
		}
		k.data = slices.Clone(list[kadHeader:][:n])
		all = append(all, k)
		list, offset = list[kadHeader+n:], offset+kadHeader+n
	}
	slices.SortFunc(all, func(a, b kad) int { return int(a.kind) - int(b.kind) })
	return all, nil
}

// checkKADs checks the descriptors of blocks to be encrypted against the longest
// that the algorithm takes.
func checkKADs(all []kad, a personality.Algorithm) error {
	for _, k := range all {
		most := map[uint8]int{kadUnauthenticated: int(a.UKAD), kadAuthenticated: int(a.AKAD), kadNonce: nonceLength}
		switch n, ok := most[k.kind]; {
		case !ok:
			return scsi.InvalidParameterAt(kadOffset, -1).Because("metadata come with external encryption only")
		case len(k.data) > n, k.kind == kadNonce && len(k.data) != n:
			return scsi.InvalidParameterAt(kadOffset, -1).Because("key-associated data of type %d: %d bytes, at most %d", k.kind, len(k.data), n)
		}
	}
	return nil
}

// nonceLength is the length of a nonce of AES-GCM in bytes.
const nonceLength = 12

// appendKADs appends a descriptor list. status is AUTHENTICATED of what the tag
// of a block covers; 0 in lists that were set.
func appendKADs(b []byte, all []kad, status uint8) []byte {
	for _, k := range all {
		auth := status
		if status != 0 && k.kind == kadUnauthenticated {
			auth = kadNotCovered
		}
		b = append(b, k.kind, auth)
		b = binary.BigEndian.AppendUint16(b, uint16(len(k.data)))
		b = append(b, k.data...)
	}
	return b
}

// label is what is stored in clear with each encrypted block.
type label struct {
	rawDisabled bool
	algorithm   uint8
	format      uint8 // of the key-associated data
	kads        []kad
}

// labelHeader is the length of a label without descriptors: version, flags,
// algorithm index, format.
const labelHeader = 4

const labelVersion = 1

func (l *label) encode() []byte {
	return appendKADs([]byte{labelVersion, flag(l.rawDisabled, 0x01), l.algorithm, l.format}, l.kads, 0)
}

// decodeLabel is the inverse; ok is false for what another program stored.
func decodeLabel(b []byte) (l label, ok bool) {
	if len(b) < labelHeader || b[0] != labelVersion {
		return l, false
	}
	kads, err := decodeKADs(b[labelHeader:], 0)
	return label{rawDisabled: b[1]&0x01 != 0, algorithm: b[2], format: b[3], kads: kads}, err == nil
}
