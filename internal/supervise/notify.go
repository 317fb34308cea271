package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// maxNotify bounds one message of sd_notify(3) in bytes.
const maxNotify = 4096

// message is what we take from a daemon's notification.
type message struct {
	ready    bool
	stopping bool
	status   string
}

// notifySocket is where one daemon tells how it is, by the protocol of
// sd_notify(3).
type notifySocket struct {
	path     string
	conn     *net.UnixConn
	messages chan message
	quit     chan struct{}
}

// listenNotify makes the socket of a daemon in the run directory.
func listenNotify(dir, name string) (*notifySocket, error) {
	path := filepath.Join(dir, "n-"+name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("supervise: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("supervise: %w", err)
	}
	n := &notifySocket{path: path, conn: conn, messages: make(chan message), quit: make(chan struct{})}
	go n.read()
	return n, nil
}

// read hands messages on until the socket is closed.
func (n *notifySocket) read() {
	buf := make([]byte, maxNotify)
	for {
		size, err := n.conn.Read(buf)
		if err != nil {
			return
		}
		select {
		case n.messages <- parseNotify(string(buf[:size])):
		case <-n.quit:
			return
		}
	}
}

// parseNotify reads the assignments of one datagram; what it does not know it
// leaves out.
func parseNotify(s string) message {
	var m message
	for line := range strings.Lines(s) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "READY":
			m.ready = value == "1"
		case "STOPPING":
			m.stopping = value == "1"
		case "STATUS":
			m.status = value
		}
	}
	return m
}

// close ends the socket and removes its file.
func (n *notifySocket) close() {
	close(n.quit)
	n.conn.Close() // only ever fails when closed before
	os.Remove(n.path)
}
