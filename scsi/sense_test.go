package scsi_test

import (
	"reflect"
	"testing"

	. "govtl/scsi"
)

func TestSenseFormats(t *testing.T) {
	for _, c := range []struct {
		name              string
		sense             Sense
		fixed, descriptor string
	}{
		{
			"filemark, blocks not read", Sense{Filemark: true, Valid: true, Information: 3, ASC: FilemarkDetected},
			"F00080000000030A000000000001000000000000"[:36],
			"7200000100000010" + "000A800000000000000000030402" + "0080",
		},
		{
			"block longer than asked for", Sense{ILI: true, Valid: true, Information: -100},
			"F00020FFFFFF9C0A0000000000000000000000"[:36],
			"7200000000000010" + "000A8000FFFFFFFFFFFFFF9C" + "04020020",
		},
		{
			"64 bit residue", Sense{Key: BlankCheck, ASC: EndOfDataDetected, Valid: true, Information: 1 << 40},
			"70000800000000" + "0A" + "00000000" + "0005" + "00" + "000000",
			"7208000500" + "00000C" + "000A80000000010000000000",
		},
		{
			"deferred", Sense{Key: MediumError, ASC: WriteError, Deferred: true, FRU: 0x12, CommandSpecific: 7},
			"710003000000000A000000070C0012000000",
			"73030C0000000010" + "010A00000000000000000007" + "03020012",
		},
		{
			"field pointer", *InvalidFieldInCDBAt(2, 5),
			"700005000000000A00000000240000CD0002",
			"7205240000000008" + "02060000CD000200",
		},
		{
			"progress", *NewSense(NotReady, FormatInProgress).WithProgress(0x8000),
			"700002000000000A000000000404008080" + "00",
			"7202040400000008" + "0206000080800000",
		},
	} {
		fixed, descriptor := c.sense.AppendFixed(nil), c.sense.AppendDescriptor(nil)
		if got := hexString(fixed); got != c.fixed {
			t.Errorf("%s: fixed\n got %s\nwant %s", c.name, got, c.fixed)
		}
		if got := hexString(descriptor); got != c.descriptor {
			t.Errorf("%s: descriptor\n got %s\nwant %s", c.name, got, c.descriptor)
		}
		got, err := DecodeSense(descriptor)
		if err != nil || !reflect.DeepEqual(*got, c.sense) {
			t.Errorf("%s: decoded %+v, %v", c.name, got, err)
		}
	}
}

func hexString(b []byte) string {
	const digits = "0123456789ABCDEF"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&0xF])
	}
	return string(s)
}

func TestASCTexts(t *testing.T) {
	for _, c := range []struct {
		asc  ASC
		text string
	}{
		{InvalidFieldInCDB, "INVALID FIELD IN CDB"}, {TimestampChanged, "TIMESTAMP CHANGED"},
		{0x80_01, "ADDITIONAL SENSE CODE 80h/01h"},
	} {
		if got := c.asc.String(); got != c.text {
			t.Errorf("%04X: %q", uint16(c.asc), got)
		}
	}
}

func FuzzDecodeSense(f *testing.F) {
	f.Add(NewSense(UnitAttention, NotReadyToReadyChange).AppendFixed(nil))
	f.Add((&Sense{ILI: true, Valid: true, Information: -4, FRU: 1, CommandSpecific: 2}).AppendDescriptor(nil))
	f.Add([]byte{0x70, 0, 0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSense(b)
		if err != nil {
			return
		}
		// What was decoded renders to something that decodes to the same.
		again, err := DecodeSense(s.AppendDescriptor(nil))
		if err != nil {
			t.Fatal(err)
		}
		if s.SKS[0]&0x80 == 0 {
			s.SKS = again.SKS // not sent in descriptor format
		}
		if !s.Valid {
			s.Information = again.Information
		}
		s.Additional = nil
		if !reflect.DeepEqual(s, again) {
			t.Fatalf("%+v, then %+v", s, again)
		}
		if fixed, err := DecodeSense(s.AppendFixed(nil)); err != nil || fixed.Key != s.Key || fixed.ASC != s.ASC {
			t.Fatalf("fixed format: %+v, %v", fixed, err)
		}
	})
}
