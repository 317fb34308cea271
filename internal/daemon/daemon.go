// Package daemon is what the daemons of the suite share: flags, logging, signals,
// the order of starting and stopping, readiness, the watchdog, and the lock that
// keeps a device from being served twice.
//
// Readiness and watchdog use the protocol of sd_notify(3), towards systemd and
// towards `vtlcmd up` alike: ready means that the target answers.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// DefaultStopTimeout is how long a daemon may take to stop: `vtlcmd up` and the
// systemd units kill it soon afterwards.
const DefaultStopTimeout = 3500 * time.Millisecond

// Options of Run.
type Options struct {
	Name string // of the daemon and its device, such as "vtltape 11"
	Log  *slog.Logger

	// Reload applies the configuration as it is now, on SIGHUP; nil: nothing
	// to apply. An error is logged and the daemon goes on as it was.
	Reload func(context.Context) error

	// Alive says that the daemon works, for the watchdog; nil: always.
	Alive func(context.Context) error

	// StopTimeout bounds stopping; 0 is DefaultStopTimeout.
	StopTimeout time.Duration
}

// errSecondSignal ends a daemon that was told to stop twice.
var errSecondSignal = errors.New("told to stop a second time")

// Run starts the parts in order, tells that the daemon is ready when the last of
// them is, and stops them in the opposite order on SIGTERM, SIGINT, the end of
// ctx, or when a part ends. It returns the first part's error, or an error when
// stopping took longer than StopTimeout or a second signal came: the process is
// then expected to exit without waiting for what still runs.
func Run(ctx context.Context, o Options, parts ...Part) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = DefaultStopTimeout
	}
	signal.Ignore(syscall.SIGPIPE) // a log reader that goes away does not end a daemon
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	note := NewNotifier(o.Log)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- runParts(ctx, o.Log, parts, func() {
			o.Log.Info("ready", "version", Version())
			note.Ready()
			go note.watchdog(ctx, o.Alive)
		})
	}()

	reloads := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-reloads:
				reload(ctx, o, note)
			}
		}
	}()

	var deadline <-chan time.Time
	stop := func(why string) {
		o.Log.Info("stopping", "why", why)
		note.Stopping()
		cancel()
		deadline = time.After(o.StopTimeout)
	}
	ended := ctx.Done()
	for {
		select {
		case err := <-done:
			note.Stopping()
			if err != nil {
				return fmt.Errorf("%s: %w", o.Name, err)
			}
			o.Log.Info("stopped")
			return nil
		case sig := <-signals:
			switch {
			case sig == syscall.SIGHUP:
				select {
				case reloads <- struct{}{}:
				default: // one is waiting: it will see the newest file
				}
			case deadline != nil:
				return fmt.Errorf("%s: %w", o.Name, errSecondSignal)
			default:
				ended = nil
				stop(sig.String())
			}
		case <-ended:
			ended = nil
			stop("asked to")
		case <-deadline:
			return fmt.Errorf("%s: not stopped after %v", o.Name, o.StopTimeout)
		}
	}
}

// reload applies the configuration and tells the outcome.
func reload(ctx context.Context, o Options, note *Notifier) {
	if o.Reload == nil {
		return
	}
	note.Reloading()
	defer note.Ready()
	if err := o.Reload(ctx); err != nil {
		o.Log.Error("configuration not applied; the old one holds", "err", err)
		return
	}
	o.Log.Info("configuration applied")
}
