package pdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// codec is one PDU for tests that go over all of them.
type codec struct {
	value  any                       // what testdata/pdus.txt encodes
	decode func([]byte) (any, error) // into the same type
	encode func(v any, h *Header)    // the inverse
	mask   func(h *Header)           // clears what decoders ignore
}

func row[T any](v T, decode func([]byte) (T, error), encode func(*T, *Header), reserved ...[3]byte) codec {
	return codec{
		value:  v,
		decode: func(b []byte) (any, error) { return decode(b) },
		encode: func(v any, h *Header) { p := v.(T); encode(&p, h) },
		mask: func(h *Header) {
			for _, r := range reserved {
				for i := r[0]; i <= r[1]; i++ {
					h[i] &= r[2]
				}
			}
		},
	}
}

var lun1 = [8]byte{0, 1}

// codecs: the reserved rows are first byte, last byte, and the bits that count.
var codecs = map[string]codec{
	"NOP-Out": row(NOPOut{Immediate: true, DataSegmentLength: 5, LUN: lun1, InitiatorTaskTag: 0x11223344,
		TargetTransferTag: Reserved, CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC},
		DecodeNOPOut, (*NOPOut).Encode, [3]byte{0, 0, 0x7F}, [3]byte{1, 1, 0x80}, [3]byte{2, 3, 0}, [3]byte{32, 47, 0}),
	"SCSI Command": row(SCSICommand{Final: true, Write: true, Attribute: 1, AHSLength: 8, DataSegmentLength: 0x010203, LUN: lun1,
		InitiatorTaskTag: 0x11223344, ExpectedLength: 0x00040000, CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC,
		CDB: [16]byte{0x0A, 0, 4}},
		DecodeSCSICommand, (*SCSICommand).Encode, [3]byte{0, 0, 0x7F}, [3]byte{1, 1, 0xE7}, [3]byte{2, 3, 0}),
	"Task Management Function Request": row(TaskManagementRequest{Immediate: true, Function: 1, LUN: lun1, InitiatorTaskTag: 0x11223344,
		ReferencedTaskTag: 0x0A0B0C0D, CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC, RefCmdSN: 0x55667780, ExpDataSN: 7},
		DecodeTaskManagementRequest, (*TaskManagementRequest).Encode, [3]byte{0, 0, 0x7F}, [3]byte{2, 3, 0}, [3]byte{40, 47, 0}),
	"Login Request": row(LoginRequest{Transit: true, CSG: OperationalNegotiation, NSG: FullFeaturePhase, VersionMax: 1,
		DataSegmentLength: 0x1FF, ISID: ISID{0x80, 1, 2, 3, 4, 5}, TSIH: 6, InitiatorTaskTag: 0x11223344, CID: 7,
		CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC},
		DecodeLoginRequest, (*LoginRequest).Encode, [3]byte{0, 0, 0x7F}, [3]byte{1, 1, 0xCF}, [3]byte{22, 23, 0}, [3]byte{32, 47, 0}),
	"Text Request": row(TextRequest{Final: true, DataSegmentLength: 16, LUN: lun1, InitiatorTaskTag: 0x11223344,
		TargetTransferTag: Reserved, CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC},
		DecodeTextRequest, (*TextRequest).Encode, [3]byte{0, 0, 0x7F}, [3]byte{1, 1, 0xC0}, [3]byte{2, 3, 0}, [3]byte{32, 47, 0}),
	"SCSI Data-Out": row(DataOut{Final: true, DataSegmentLength: 0x2000, LUN: lun1, InitiatorTaskTag: 0x11223344,
		TargetTransferTag: 0x0A0B0C0D, ExpStatSN: 0x99AABBCC, DataSN: 2, BufferOffset: 0x4000},
		DecodeDataOut, (*DataOut).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{2, 3, 0}, [3]byte{24, 27, 0}, [3]byte{32, 35, 0}, [3]byte{44, 47, 0}),
	"Logout Request": row(LogoutRequest{Reason: LogoutCloseConnection, InitiatorTaskTag: 0x11223344, CID: 7, CmdSN: 0x55667788, ExpStatSN: 0x99AABBCC},
		DecodeLogoutRequest, (*LogoutRequest).Encode, [3]byte{0, 0, 0x7F}, [3]byte{2, 3, 0}, [3]byte{8, 15, 0}, [3]byte{22, 23, 0}, [3]byte{32, 47, 0}),
	"SNACK Request": row(SNACK{Type: 1, LUN: lun1, InitiatorTaskTag: 0x11223344, TargetTransferTag: Reserved, ExpStatSN: 0x99AABBCC, BegRun: 3, RunLength: 4},
		DecodeSNACK, (*SNACK).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x8F}, [3]byte{2, 3, 0}, [3]byte{24, 27, 0}, [3]byte{32, 39, 0}),
	"NOP-In": row(NOPIn{DataSegmentLength: 5, LUN: lun1, InitiatorTaskTag: 0x11223344, TargetTransferTag: Reserved, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3},
		DecodeNOPIn, (*NOPIn).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{2, 3, 0}, [3]byte{36, 47, 0}),
	"SCSI Response": row(SCSIResponse{Underflow: true, Status: 2, DataSegmentLength: 20, InitiatorTaskTag: 0x11223344, StatSN: 1, ExpCmdSN: 2,
		MaxCmdSN: 3, ExpDataSN: 4, Residual: 0x0600},
		DecodeSCSIResponse, (*SCSIResponse).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x86}, [3]byte{8, 15, 0}, [3]byte{20, 23, 0}, [3]byte{40, 43, 0}),
	"Task Management Function Response": row(TaskManagementResponse{Response: 5, InitiatorTaskTag: 0x11223344, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3},
		DecodeTaskManagementResponse, (*TaskManagementResponse).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{3, 3, 0}, [3]byte{8, 15, 0}, [3]byte{20, 23, 0}, [3]byte{36, 47, 0}),
	"Login Response": row(LoginResponse{Transit: true, CSG: SecurityNegotiation, NSG: OperationalNegotiation, DataSegmentLength: 0x1FF,
		ISID: ISID{0x80, 1, 2, 3, 4, 5}, TSIH: 6, InitiatorTaskTag: 0x11223344, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3, Status: LoginMovedTemporarily},
		DecodeLoginResponse, (*LoginResponse).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0xCF}, [3]byte{20, 23, 0}, [3]byte{38, 47, 0}),
	"Text Response": row(TextResponse{DataSegmentLength: 16, LUN: lun1, InitiatorTaskTag: 0x11223344, TargetTransferTag: 9, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3},
		DecodeTextResponse, (*TextResponse).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0xC0}, [3]byte{2, 3, 0}, [3]byte{36, 47, 0}),
	"SCSI Data-In": row(DataIn{Final: true, HasStatus: true, Underflow: true, DataSegmentLength: 0x2000, LUN: lun1, InitiatorTaskTag: 0x11223344,
		TargetTransferTag: Reserved, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3, DataSN: 4, BufferOffset: 0x4000, Residual: 0x0600},
		DecodeDataIn, (*DataIn).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x87}, [3]byte{2, 2, 0}),
	"Logout Response": row(LogoutResponse{Response: 2, InitiatorTaskTag: 0x11223344, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3, Time2Wait: 4, Time2Retain: 20},
		DecodeLogoutResponse, (*LogoutResponse).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{3, 3, 0}, [3]byte{8, 15, 0}, [3]byte{20, 23, 0}, [3]byte{36, 39, 0}, [3]byte{44, 47, 0}),
	"Ready To Transfer": row(R2T{LUN: lun1, InitiatorTaskTag: 0x11223344, TargetTransferTag: 0x0A0B0C0D, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3,
		R2TSN: 4, BufferOffset: 0x4000, DesiredLength: 0x8000},
		DecodeR2T, (*R2T).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{2, 3, 0}),
	"Asynchronous Message": row(AsyncMessage{LUN: lun1, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3, Event: AsyncLogoutRequest, VendorCode: 9, Parameters: [3]uint16{0, 2, 60}},
		DecodeAsyncMessage, (*AsyncMessage).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{2, 3, 0}, [3]byte{20, 23, 0}, [3]byte{44, 47, 0}),
	"Reject": row(Reject{Reason: RejectTaskInProgress, DataSegmentLength: 48, StatSN: 1, ExpCmdSN: 2, MaxCmdSN: 3, DataSN: 4},
		DecodeReject, (*Reject).Encode, [3]byte{0, 0, 0x3F}, [3]byte{1, 1, 0x80}, [3]byte{3, 3, 0}, [3]byte{8, 15, 0}, [3]byte{20, 23, 0}, [3]byte{40, 47, 0}),
}

// golden reads testdata/pdus.txt: "== name", then lines of hexadecimal bytes and
// what they are.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/pdus.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(line, "== "); ok {
			name = n
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		all[name] = append(all[name], b...)
	}
	return all
}

func TestGolden(t *testing.T) {
	bytesOf := golden(t)
	for name, c := range codecs {
		want := bytesOf[name]
		if len(want) != HeaderLength {
			t.Errorf("%s: %d bytes in testdata/pdus.txt", name, len(want))
			continue
		}
		var h Header
		c.encode(c.value, &h)
		if !bytes.Equal(h[:], want) {
			t.Errorf("%s: encodes to\n% x, want\n% x", name, h, want)
		}
		got, err := c.decode(want)
		if err != nil || !reflect.DeepEqual(got, c.value) {
			t.Errorf("%s: decodes to %+v, %v", name, got, err)
		}
		for n := range HeaderLength {
			if _, err := c.decode(want[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%s: %d bytes: %v", name, n, err)
			}
		}
		other := bytes.Clone(want)
		other[0] ^= 0x3F
		var format *FormatError
		if _, err := c.decode(other); !errors.As(err, &format) {
			t.Errorf("%s: another opcode: %v", name, err)
		}
		if h.Opcode().String() != name {
			t.Errorf("%s calls itself %v", name, h.Opcode())
		}
	}
	if len(bytesOf) != len(codecs) {
		t.Errorf("%d PDUs in testdata/pdus.txt, %d here", len(bytesOf), len(codecs))
	}
}

// TestForbidden: the values that RFC 7143 forbids.
func TestForbidden(t *testing.T) {
	rows := []struct {
		name   string
		change func(b []byte)
	}{
		{"NOP-Out", func(b []byte) { b[4] = 1 }},
		{"NOP-Out", func(b []byte) { b[0] = 0; copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"SCSI Command", func(b []byte) { b[1] = 0x40 }},
		{"SCSI Command", func(b []byte) { b[1] = 0x85 }},
		{"SCSI Command", func(b []byte) { copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"Task Management Function Request", func(b []byte) { b[7] = 1 }},
		{"Task Management Function Request", func(b []byte) { b[4] = 1 }},
		{"Task Management Function Request", func(b []byte) { copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"Login Request", func(b []byte) { b[0] = 3 }},
		{"Login Request", func(b []byte) { b[1] |= 0x40 }},
		{"Login Request", func(b []byte) { b[4] = 1 }},
		{"Login Request", func(b []byte) { b[5], b[6], b[7] = 0, 0x20, 0x01 }},
		{"Text Request", func(b []byte) { b[1] |= 0x40 }},
		{"Text Request", func(b []byte) { copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"SCSI Data-Out", func(b []byte) { b[4] = 1 }},
		{"Logout Request", func(b []byte) { b[7] = 1 }},
		{"Logout Request", func(b []byte) { copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"SNACK Request", func(b []byte) { b[7] = 1 }},
		{"NOP-In", func(b []byte) { copy(b[16:20], "\xFF\xFF\xFF\xFF") }},
		{"SCSI Response", func(b []byte) { b[1] |= 0x06 }},
		{"SCSI Response", func(b []byte) { b[2] = 1 }},
		{"Login Response", func(b []byte) { b[1] |= 0x40 }},
		{"Text Response", func(b []byte) { b[1] |= 0x80 }},
		{"Text Response", func(b []byte) { b[1] |= 0xC0 }},
		{"SCSI Data-In", func(b []byte) { b[1] |= 0x06 }},
		{"SCSI Data-In", func(b []byte) { b[1] &^= 0x80 }},
		{"Ready To Transfer", func(b []byte) { copy(b[20:24], "\xFF\xFF\xFF\xFF") }},
		{"Ready To Transfer", func(b []byte) { copy(b[44:48], "\x00\x00\x00\x00") }},
	}
	bytesOf := golden(t)
	for i, r := range rows {
		b := bytes.Clone(bytesOf[r.name])
		r.change(b)
		var format *FormatError
		if _, err := codecs[r.name].decode(b); !errors.As(err, &format) || format.Error() == "" {
			t.Errorf("row %d, %s: %v", i, r.name, err)
		}
	}
}

// FuzzPDU: what decodes, encodes to the same bytes but for reserved bits.
func FuzzPDU(f *testing.F) {
	for _, b := range golden(f) {
		f.Add(b)
	}
	byOpcode := map[Opcode]codec{}
	for name, b := range golden(f) {
		byOpcode[Opcode(b[0]&0x3F)] = codecs[name]
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLength {
			return
		}
		h := Header(b[:HeaderLength])
		c, ok := byOpcode[h.Opcode()]
		if !ok {
			return
		}
		v, err := c.decode(h[:])
		if err != nil {
			return
		}
		var again Header
		c.encode(v, &again)
		want := h
		c.mask(&want)
		canonical(&want, &again)
		if again != want {
			t.Fatalf("%+v\nfrom % x\nto   % x", v, want, again)
		}
		if second, err := c.decode(again[:]); err != nil || !reflect.DeepEqual(v, second) {
			t.Fatalf("%+v became %+v, %v", v, second, err)
		}
	})
}

// canonical clears in want what is reserved only with some flags, and sets what
// encoders always set.
func canonical(want, again *Header) {
	switch want.Opcode() {
	case OpLoginRequest:
		if want[1]&0x80 == 0 {
			want[1] &^= 0x03 // NSG
		}
	case OpDataIn:
		if want[1]&0x01 == 0 {
			want[1] &^= 0x06
			want[3] = 0
			want.put32(24, 0)
			want.put32(44, 0)
		}
	case OpAsyncMessage, OpReject:
		want.put32(16, Reserved)
	}
	switch want.Opcode() {
	case OpDataOut, OpDataIn, OpTextRequest, OpTextResponse, OpLoginRequest, OpLoginResponse, OpSCSICommand:
	default:
		want[1] |= again[1] & 0x80 // bit 7 is always 1
	}
}
