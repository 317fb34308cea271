package pdu

// TaskManagementResponse ends a task management function, RFC 7143 11.6:
//
//	byte  0     22h
//	      1     80h
//	      2     Response
//	     16-19  Initiator Task Tag
//	     24-27  StatSN
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
type TaskManagementResponse struct {
	Response                   uint8
	InitiatorTaskTag           uint32
	StatSN, ExpCmdSN, MaxCmdSN uint32
}

// DecodeTaskManagementResponse decodes a Task Management Function Response.
func DecodeTaskManagementResponse(b []byte) (p TaskManagementResponse, err error) {
	h, err := is(b, OpTaskManagementResponse)
	if err == nil {
		err = h.noAHS()
	}
	if err == nil {
		err = h.noData()
	}
	if err != nil {
		return p, err
	}
	return TaskManagementResponse{
		Response: h[2], InitiatorTaskTag: h.u32(16), StatSN: h.u32(24), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
	}, nil
}

// Encode writes the header.
func (p *TaskManagementResponse) Encode(h *Header) {
	h.start(OpTaskManagementResponse, 0x80)
	h[2] = p.Response
	h.put32(16, p.InitiatorTaskTag)
	h.put32(24, p.StatSN)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
}
