package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// request is the envelope of a request on the wire.
type request struct {
	Version  int             `json:"v"`
	ID       string          `json:"id"`
	Deadline time.Time       `json:"deadline"`
	Body     json.RawMessage `json:"body,omitempty"`
}

// reply is the envelope of a reply. Either Body or Code is there.
type reply struct {
	Version int             `json:"v"`
	ID      string          `json:"id,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Code    Code            `json:"code,omitempty"`
	Reason  string          `json:"reason,omitempty"`
}

// maxID bounds the id of a request in bytes.
const maxID = 64

// decodeRequest reads a request's envelope and checks everything but the body.
// The request is usable for an error reply even when err is not nil.
func decodeRequest(data []byte, now time.Time) (request, error) {
	var r request
	if len(data) > MaxRequest {
		return r, Errorf(CodeTooLarge, "a request of %d bytes is above the limit of %d", len(data), MaxRequest)
	}
	if err := unmarshal(data, &r); err != nil {
		return request{}, Errorf(CodeBadRequest, "the request is damaged: %v", err)
	}
	if r.Version != Version {
		return r, Errorf(CodeVersion, "the request has message version %d, this program knows version %d", r.Version, Version)
	}
	if r.ID == "" || len(r.ID) > maxID {
		return r, Errorf(CodeBadRequest, "the request has no id, or one longer than %d bytes", maxID)
	}
	if r.Deadline.IsZero() {
		return r, Errorf(CodeBadRequest, "the request has no deadline")
	}
	if late := now.Sub(r.Deadline); late >= 0 {
		return r, Errorf(CodeDeadline, "the request came %v after its deadline and was not carried out", late.Round(time.Millisecond))
	}
	return r, nil
}

// decodeReply reads a reply's envelope; a typed error comes back as *Error.
func decodeReply(data []byte, id string, body any) error {
	var r reply
	if err := unmarshal(data, &r); err != nil {
		return Errorf(CodeInternal, "the reply is damaged: %v", err)
	}
	if r.Code != "" {
		return &Error{Code: r.Code, Reason: r.Reason}
	}
	if r.Version != Version {
		return Errorf(CodeVersion, "the reply has message version %d, this program knows version %d", r.Version, Version)
	}
	if r.ID != id {
		return Errorf(CodeInternal, "the reply belongs to another request")
	}
	if err := unmarshal(r.Body, body); err != nil {
		return Errorf(CodeInternal, "the reply is damaged: %v", err)
	}
	return nil
}

// unmarshal decodes exactly one JSON value. Unknown fields are left out: they
// are of a newer program that says the same and more.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("nothing in it")
		}
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows after %d bytes", dec.InputOffset())
	}
	return nil
}
