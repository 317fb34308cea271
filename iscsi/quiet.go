package iscsi

import (
	"log/slog"
	"sync"
	"time"
)

// maxRefusalsLogged is how many refusals are logged in a minute. Whoever can
// connect can be refused as often as it likes.
const maxRefusalsLogged = 60

// refusals logs refusals, and how many it has left out.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	since time.Time
	count int
}

// warn logs a refusal unless there were too many of late, and tells whether it did.
func (r *refusals) warn(msg string, args ...any) bool {
	now := time.Now()
	r.mu.Lock()
	left := 0
	if now.Sub(r.since) > time.Minute {
		left = max(r.count-maxRefusalsLogged, 0)
		r.since, r.count = now, 0
	}
	r.count++
	say := r.count <= maxRefusalsLogged
	r.mu.Unlock()
	if left > 0 {
		r.log.Warn("refusals not logged", "count", left)
	}
	if say {
		r.log.Warn(msg, args...)
	}
	return say
}
