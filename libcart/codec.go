package libcart

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// discarded is the codec of a block of a Null cartridge: nothing is stored, it
// reads as zeros. It is part of the format.
const discarded Codec = 0xF0

// String names the codec.
func (c Codec) String() string {
	switch c {
	case Stored:
		return "none"
	case LZ4:
		return "lz4"
	case S2:
		return "s2"
	case Zstd:
		return "zstd"
	case discarded:
		return "discarded"
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// ParseCodec is the inverse of String for the codecs one can choose.
func ParseCodec(s string) (Codec, error) {
	for _, c := range []Codec{Stored, LZ4, S2, Zstd} {
		if s == c.String() {
			return c, nil
		}
	}
	return 0, fmt.Errorf("libcart: unknown codec %q (none, lz4, s2, zstd)", s)
}

// minGain is the share of a block, 1/minGain, that compression must save.
const minGain = 32

// compressor compresses blocks for one goroutine.
type compressor struct {
	lz4  lz4.Compressor
	zstd *zstd.Encoder
}

// compress returns the compressed block in a buffer of its own, or nil when it
// would not be smaller.
func (z *compressor) compress(codec Codec, src []byte) *buffer.Buffer {
	if codec == Stored || len(src) < 64 {
		return nil
	}
	room := len(src) + buffer.Slack
	if room > buffer.MaxSize {
		return nil
	}
	out := buffer.Default.Get(room)
	switch codec {
	case LZ4:
		n, err := z.lz4.CompressBlock(src, out.B[:len(src)])
		if err != nil {
			n = 0
		}
		out.B = out.B[:n]
	case S2:
		out.B = s2.Encode(out.B, src)
	case Zstd:
		if z.zstd == nil {
			enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
				zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
			if err != nil {
				out.Release()
				return nil
			}
			z.zstd = enc
		}
		out.B = z.zstd.EncodeAll(src, out.B[:0])
	default:
		out.B = out.B[:0]
	}
	if n := len(out.B); n == 0 || n > len(src)-len(src)/minGain {
		out.Release()
		return nil
	}
	return out
}

// decompressor decompresses blocks for one goroutine.
type decompressor struct {
	zstd *zstd.Decoder
}

var errLength = errors.New("decompresses to another length")

// decompress fills dst, whose length is that of the block, from src.
func (z *decompressor) decompress(codec Codec, dst, src []byte) error {
	switch codec {
	case LZ4:
		n, err := lz4.UncompressBlock(src, dst)
		if err == nil && n != len(dst) {
			err = errLength
		}
		return err
	case S2:
		if n, err := s2.DecodedLen(src); err != nil || n != len(dst) {
			return errors.Join(errLength, err)
		}
		_, err := s2.Decode(dst, src)
		return err
	case Zstd:
		if z.zstd == nil {
			dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(format.MaxBlock),
				zstd.WithDecoderLowmem(true))
			if err != nil {
				return err
			}
			z.zstd = dec
		}
		out, err := z.zstd.DecodeAll(src, dst[:0:len(dst)])
		if err == nil && (len(out) != len(dst) || len(out) > 0 && &out[0] != &dst[0]) {
			err = errLength
		}
		return err
	}
	return fmt.Errorf("unknown codec %d", uint8(codec))
}
