package pdu

// TaskManagementRequest asks for a task management function, RFC 7143 11.5:
//
//	byte  0     I, 02h
//	      1     80h, Function 7Fh
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Referenced Task Tag
//	     24-27  CmdSN
//	     28-31  ExpStatSN
//	     32-35  RefCmdSN
//	     36-39  ExpDataSN
type TaskManagementRequest struct {
	Immediate         bool
	Function          uint8
	LUN               [8]byte
	InitiatorTaskTag  uint32
	ReferencedTaskTag uint32
	CmdSN, ExpStatSN  uint32
	RefCmdSN          uint32
	ExpDataSN         uint32
}

// DecodeTaskManagementRequest decodes a Task Management Function Request.
func DecodeTaskManagementRequest(b []byte) (p TaskManagementRequest, err error) {
	h, err := is(b, OpTaskManagementRequest)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	p = TaskManagementRequest{
		Immediate: h.Immediate(), Function: h[1] & 0x7F, LUN: h.lun(), InitiatorTaskTag: h.u32(16),
		ReferencedTaskTag: h.u32(20), CmdSN: h.u32(24), ExpStatSN: h.u32(28), RefCmdSN: h.u32(32), ExpDataSN: h.u32(36),
	}
	if p.InitiatorTaskTag == Reserved {
		return p, &FormatError{OpTaskManagementRequest, "Initiator Task Tag", uint64(Reserved)}
	}
	return p, nil
}

// Encode writes the header.
func (p *TaskManagementRequest) Encode(h *Header) {
	h.start(OpTaskManagementRequest, 0x80|p.Function&0x7F)
	h[0] |= bit(p.Immediate, 0x40)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.ReferencedTaskTag)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
	h.put32(32, p.RefCmdSN)
	h.put32(36, p.ExpDataSN)
}
