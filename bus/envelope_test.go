package bus

import (
	"testing"
	"time"
)

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":"1","deadline":"2026-11-21T12:00:00Z","body":{"barcode":"VTL001L9"}}`))
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{}{}`))
	now := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRequest(data, now)
		if err == nil && (r.Version != Version || r.ID == "" || !r.Deadline.After(now)) {
			t.Errorf("accepted %+v", r)
		}
		if err != nil && CodeOf(err) == CodeInternal {
			t.Errorf("an untyped error: %v", err)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"v":1,"id":"1","body":{"barcode":"VTL001L9","loaded":true}}`))
	f.Add([]byte(`{"v":1,"id":"1","code":"busy","reason":"later"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var body DriveHolds
		if err := decodeReply(data, "1", &body); err != nil && CodeOf(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}
	})
}

func FuzzAccess(f *testing.F) {
	f.Add([]byte(`{"version":1,"url":"nats://127.0.0.1:4222","user":"vtl","secret":"s"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAccess(data)
		if err == nil && a.port() == 0 && a.Secret == "" {
			t.Errorf("accepted %+v", a)
		}
	})
}

func TestSemanticVersion(t *testing.T) {
	for in, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v0.1.0-rc.1+x": "0.1.0-rc.1+x",
		"devel-abc": "0.0.0", "": "0.0.0", "v1.2": "0.0.0", "v1.2.3 x": "0.0.0",
	} {
		if got := semanticVersion(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
