package config

import (
	"strings"
	"testing"
)

func TestAnnounce(t *testing.T) {
	const suite = "version: 1\nlibraries: []\ndrives: [{id: 1, model: m, serial: S}]\n"
	for _, tc := range []struct {
		text, host string
		port       uint16
	}{
		{"vtl.example.com:3260", "vtl.example.com", 3260}, {"192.0.2.1:13260", "192.0.2.1", 13260}, {"'[2001:db8::1]:3260'", "2001:db8::1", 3260},
	} {
		s, err := Parse([]byte(suite+"announce: "+tc.text+"\n"), "/x/vtl.yaml", Checks{})
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if host, port, ok := s.Announced(); host != tc.host || port != tc.port || !ok {
			t.Errorf("%s: %q, %d, %v", tc.text, host, port, ok)
		}
	}
	for _, text := range []string{"vtl.example.com", "0.0.0.0:3260", ":3260", "host:0", "host:66000", "'a b:1'", "'a,1:2'", "'[fe80::1%eth0]:3260'"} {
		_, err := Parse([]byte(suite+"announce: "+text+"\n"), "/x/vtl.yaml", Checks{})
		if err == nil || !strings.Contains(err.Error(), "vtl.yaml:4") || !strings.Contains(err.Error(), "can connect to") {
			t.Errorf("%s: %v", text, err)
		}
	}
	s, err := Parse([]byte(suite), "/x/vtl.yaml", Checks{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := s.Announced(); ok {
		t.Error("without the key something is announced")
	}
}
