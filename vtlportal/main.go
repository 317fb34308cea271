// Vtlportal is the front door of a suite: it listens on the one iSCSI address,
// answers discovery, hands each connection to the daemon that owns its target,
// and runs the message bus.
package main

import (
	"log/slog"
	"os"

	"govtl/internal/daemon"
	"govtl/internal/program"
)

func main() {
	os.Exit(program.Portal{Name: "vtlportal", Serve: func(f daemon.Flags) error {
		level := new(slog.LevelVar)
		level.Set(daemon.Level(f.Verbose))
		return serve(f, daemon.NewLogger(os.Stderr, level, os.Getenv))
	}}.Main(os.Args[1:]))
}
