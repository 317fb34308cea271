// Package port finds addresses for servers of tests that are told where to listen.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// For is Free for a test.
func For(t testing.TB) string {
	t.Helper()
	address, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Free returns an address of the loopback interface on which nobody listens. Its
// port is below those that the kernel gives out by itself: else a connection or a
// listener of anybody, the message bus of the same suite among them, could take it
// before the server does.
func Free() (string, error) {
	first := 32768
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(b), &first)
	}
	const lowest, tries = 10000, 100
	if first <= lowest {
		return "", fmt.Errorf("the kernel gives out ports from %d on: none is left for a test", first)
	}
	var all error
	for range tries {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(first-lowest))
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
		all = errors.Join(all, err)
	}
	return "", all
}
