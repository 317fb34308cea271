package ssc

// be24 is a 24-bit big-endian number.
func be24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// signed24 is a 24-bit big-endian number in two's complement.
func signed24(b []byte) int64 { return int64(int32(be24(b)<<8) >> 8) }

func put24(b []byte, v uint32) { b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v) }

// flag is v when on, else 0.
func flag(on bool, v byte) byte {
	if on {
		return v
	}
	return 0
}
