package daemon

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// LevelTrace is below debug: every command and message.
const LevelTrace = slog.Level(-8)

// Level is the log level of a verbosity: 0 warnings and errors, 1 state changes,
// 2 debug, 3 everything.
func Level(verbosity int) slog.Level {
	switch {
	case verbosity <= 0:
		return slog.LevelWarn
	case verbosity == 1:
		return slog.LevelInfo
	case verbosity == 2:
		return slog.LevelDebug
	}
	return LevelTrace
}

// Verbosity is the opposite of Level.
func Verbosity(l slog.Level) int {
	switch {
	case l <= LevelTrace:
		return 3
	case l <= slog.LevelDebug:
		return 2
	case l <= slog.LevelInfo:
		return 1
	}
	return 0
}

// NewLogger makes the logger of a daemon: lines of key=value on w. level can be
// changed while it runs. Under journald lines carry their priority in place of
// the time, which the journal has itself.
func NewLogger(w io.Writer, level slog.Leveler, getenv func(string) string) *slog.Logger {
	journal := underJournal(w, getenv)
	if journal {
		w = priorityWriter{w}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			switch {
			case len(groups) > 0:
			case a.Key == slog.TimeKey && journal:
				return slog.Attr{}
			case a.Key == slog.LevelKey && a.Value.Any() == LevelTrace:
				return slog.String(slog.LevelKey, "TRACE")
			}
			return a
		},
	}))
}

// underJournal tells whether w is a stream to journald, sd-journal(3).
func underJournal(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	dev, inode, ok := strings.Cut(getenv("JOURNAL_STREAM"), ":")
	if !ok {
		return false
	}
	fi, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && strconv.FormatUint(uint64(st.Dev), 10) == dev && strconv.FormatUint(st.Ino, 10) == inode
}

// priorityWriter puts the priority of sd-daemon(3) before each line. The text
// handler writes each record at once, and the level first.
type priorityWriter struct{ w io.Writer }

// Write writes one record.
func (p priorityWriter) Write(line []byte) (int, error) {
	prefix := "<7>"
	for _, l := range []struct{ level, prefix string }{{"level=ERROR", "<3>"}, {"level=WARN", "<4>"}, {"level=INFO", "<6>"}} {
		if bytes.HasPrefix(line, []byte(l.level)) {
			prefix = l.prefix
			break
		}
	}
	if _, err := p.w.Write(append([]byte(prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
