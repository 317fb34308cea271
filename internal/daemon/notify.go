package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells whoever started the daemon how it is, by sd_notify(3): systemd,
// or `vtlcmd up`. Without NOTIFY_SOCKET in the environment it does nothing.
type Notifier struct{ log *slog.Logger }

// NewNotifier returns a notifier.
func NewNotifier(log *slog.Logger) *Notifier { return &Notifier{log} }

// send sends one message.
func (n *Notifier) send(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		n.log.Debug("notification lost", "state", state, "err", err)
	}
}

// Ready tells that the daemon serves.
func (n *Notifier) Ready() { n.send(sd.SdNotifyReady) }

// Stopping tells that it ends.
func (n *Notifier) Stopping() { n.send(sd.SdNotifyStopping) }

// Reloading tells that it applies a configuration, until the next Ready.
func (n *Notifier) Reloading() {
	n.send(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
}

// Status sets the line that `systemctl status` shows; why a daemon does not come
// up belongs there too.
func (n *Notifier) Status(format string, args ...any) {
	n.send("STATUS=" + fmt.Sprintf(format, args...))
}

// watchdog tells twice per interval that the daemon is alive, as long as alive
// says so.
func (n *Notifier) watchdog(ctx context.Context, alive func(context.Context) error) {
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if alive != nil {
			check, cancel := context.WithTimeout(ctx, interval/2)
			err := alive(check)
			cancel()
			if err != nil {
				n.log.Error("the daemon does not work; the watchdog is not told", "err", err)
				continue
			}
		}
		n.send(sd.SdNotifyWatchdog)
	}
}
