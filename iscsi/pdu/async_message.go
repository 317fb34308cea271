package pdu

// The events of an Asynchronous Message, RFC 7143 11.9.1.
const (
	AsyncSCSIEvent       uint8 = 0
	AsyncLogoutRequest   uint8 = 1
	AsyncConnectionDrop  uint8 = 2
	AsyncSessionDrop     uint8 = 3
	AsyncNegotiate       uint8 = 4
	AsyncTaskTermination uint8 = 5
)

// AsyncMessage tells an initiator what it did not ask for, RFC 7143 11.9:
//
//	byte  0     32h
//	      1     80h
//	      8-15  LUN
//	     16-19  FFFFFFFFh
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36     AsyncEvent
//	     37     AsyncVCode
//	     38-43  Parameter1, Parameter2, Parameter3
//	     48-    sense data and event data
type AsyncMessage struct {
	DataSegmentLength          int
	LUN                        [8]byte
	StatSN, ExpCmdSN, MaxCmdSN uint32
	Event, VendorCode          uint8
	Parameters                 [3]uint16
}

// DecodeAsyncMessage decodes an Asynchronous Message header.
func DecodeAsyncMessage(b []byte) (p AsyncMessage, err error) {
	h, err := is(b, OpAsyncMessage)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	return AsyncMessage{
		DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
		Event: h[36], VendorCode: h[37], Parameters: [3]uint16{h.u16(38), h.u16(40), h.u16(42)},
	}, nil
}

// Encode writes the header.
func (p *AsyncMessage) Encode(h *Header) {
	h.start(OpAsyncMessage, 0x80)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, Reserved)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h[36], h[37] = p.Event, p.VendorCode
	for i, v := range p.Parameters {
		h.put16(38+2*i, v)
	}
}
