package port

import (
	"net"
	"testing"
)

func TestFree(t *testing.T) {
	any, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer any.Close()
	a, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", a)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if given, own := any.Addr().(*net.TCPAddr).Port, l.Addr().(*net.TCPAddr).Port; own >= given && own >= 32768 {
		t.Errorf("port %d is one that the kernel gives out, such as %d", own, given)
	}
}
