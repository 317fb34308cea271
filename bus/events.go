package bus

import (
	"fmt"
	"strings"
)

// happenings has one value of each kind, for decoding.
func happenings() []Happening {
	return []Happening{
		Loaded{}, Unloaded{}, LoadFailed{}, Moved{}, MoveFailed{}, Door{}, Availability{}, Shelved{},
		Alert{}, Login{}, Logout{}, LoginRefused{}, DriveLost{}, DriveBack{}, Ready{}, NotReady{}, DaemonChanged{}, Configured{}, Recovered{},
	}
}

// Loaded: a drive has threaded a volume.
type Loaded struct {
	Barcode string `json:"barcode"`
	Medium  string `json:"medium,omitempty"`
	Note    string `json:"note,omitempty"`
}

func (Loaded) event() string { return "loaded" }

func (e Loaded) String() string { return join("loaded "+e.Barcode, e.Note) }

// Unloaded: a drive has unthreaded a volume; all that was acknowledged is durable.
// Removed says that it has left the drive as well.
type Unloaded struct {
	Barcode string `json:"barcode"`
	By      string `json:"by,omitempty"` // initiator, library, operator
	Removed bool   `json:"removed,omitempty"`
}

func (Unloaded) event() string { return "unloaded" }

func (e Unloaded) String() string { return join("unloaded "+e.Barcode, e.By) }

// LoadFailed: a drive refused a volume, and why.
type LoadFailed struct {
	Barcode string `json:"barcode"`
	Code    Code   `json:"code,omitempty"`
	Reason  string `json:"reason"`
}

func (LoadFailed) event() string { return "load-failed" }

func (e LoadFailed) String() string { return join("cannot load "+e.Barcode, e.Reason) }

// Moved: a library has moved a volume.
type Moved struct {
	Barcode string `json:"barcode"`
	From    string `json:"from"` // such as "slot 5"
	To      string `json:"to"`
	By      string `json:"by,omitempty"` // initiator name, operator
}

func (Moved) event() string { return "moved" }

func (e Moved) String() string {
	return fmt.Sprintf("moved %s from %s to %s%s", e.Barcode, e.From, e.To, asked(e.By))
}

// MoveFailed: a library could not move a volume, and why.
type MoveFailed struct {
	Barcode string `json:"barcode,omitempty"`
	From    string `json:"from"`
	To      string `json:"to"`
	By      string `json:"by,omitempty"` // initiator name, operator
	Reason  string `json:"reason"`
}

func (MoveFailed) event() string { return "move-failed" }

func (e MoveFailed) String() string {
	return join(strings.Join(strings.Fields(fmt.Sprintf("cannot move %s from %s to %s%s", e.Barcode, e.From, e.To, asked(e.By))), " "), e.Reason)
}

// asked says who asked, if that is known.
func asked(by string) string {
	if by == "" {
		return ""
	}
	return ", asked by " + by
}

// Door: the import/export door of a library was opened or closed.
type Door struct {
	Open bool `json:"open"`
}

func (Door) event() string { return "door" }

func (e Door) String() string {
	if e.Open {
		return "map opened"
	}
	return "map closed"
}

// Availability: a library was set online or offline.
type Availability struct {
	Online bool `json:"online"`
}

func (Availability) event() string { return "availability" }

func (e Availability) String() string {
	if e.Online {
		return "online"
	}
	return "offline"
}

// Shelved: volumes left a library through its door, or came in through it.
type Shelved struct {
	Barcodes []string `json:"barcodes"`
	In       bool     `json:"in,omitempty"` // into the library
}

func (Shelved) event() string { return "shelved" }

func (e Shelved) String() string {
	what := strings.Join(e.Barcodes, ", ")
	if e.In {
		return what + " put into the map"
	}
	return what + " taken out of the map"
}

// Alert: TapeAlert flags were raised. Bit n-1 is flag n.
type Alert struct {
	Flags uint64   `json:"flags"`
	Names []string `json:"names,omitempty"`
}

func (Alert) event() string { return "alert" }

func (e Alert) String() string {
	return join(fmt.Sprintf("TapeAlert %Xh", e.Flags), strings.Join(e.Names, ", "))
}

// Login: an initiator has logged in.
type Login struct {
	Initiator string `json:"initiator"`
	Address   string `json:"address"`
	TSIH      uint16 `json:"tsih,omitempty"`
}

func (Login) event() string { return "login" }

func (e Login) String() string { return fmt.Sprintf("login of %s from %s", e.Initiator, e.Address) }

// Logout: a session has ended, and why.
type Logout struct {
	Initiator string `json:"initiator"`
	Address   string `json:"address"`
	TSIH      uint16 `json:"tsih,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

func (Logout) event() string { return "logout" }

func (e Logout) String() string {
	return join(fmt.Sprintf("end of session of %s from %s", e.Initiator, e.Address), e.Reason)
}

// LoginRefused: an initiator was not let in. It holds no secrets.
type LoginRefused struct {
	Initiator string `json:"initiator,omitempty"`
	Address   string `json:"address"`
	Target    string `json:"target,omitempty"`
	Reason    string `json:"reason"`
}

func (LoginRefused) event() string { return "login-refused" }

func (e LoginRefused) String() string {
	who := e.Initiator
	if who == "" {
		who = "somebody"
	}
	return join(fmt.Sprintf("refused login of %s from %s", who, e.Address), e.Reason)
}

// DriveLost: a drive does not answer its library.
type DriveLost struct {
	Drive  int    `json:"drive"`
	Reason string `json:"reason,omitempty"`
}

func (DriveLost) event() string { return "drive-lost" }

func (e DriveLost) String() string {
	return join(fmt.Sprintf("drive %d does not answer", e.Drive), e.Reason)
}

// DriveBack: a drive answers its library again.
type DriveBack struct {
	Drive int `json:"drive"`
}

func (DriveBack) event() string { return "drive-back" }

func (e DriveBack) String() string { return fmt.Sprintf("drive %d answers again", e.Drive) }

// Ready: a target answers.
type Ready struct {
	Target  string `json:"target"`
	Address string `json:"address,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

func (Ready) event() string { return "ready" }

func (e Ready) String() string { return join("ready", e.Target) }

// NotReady: a target has left.
type NotReady struct {
	Target string `json:"target"`
	Reason string `json:"reason,omitempty"`
}

func (NotReady) event() string { return "not-ready" }

func (e NotReady) String() string { return join("gone: "+e.Target, e.Reason) }

// States of a daemon in DaemonChanged.
const (
	DaemonStarted   = "started"
	DaemonStopped   = "stopped"
	DaemonDied      = "died"
	DaemonRestarted = "restarted"
)

// DaemonChanged: a daemon was started, ended or died, as its supervisor saw it.
// The source is the daemon.
type DaemonChanged struct {
	State  string  `json:"state"`
	PID    int     `json:"pid,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Wait   float64 `json:"wait,omitempty"` // seconds until it is started again
}

func (DaemonChanged) event() string { return "daemon" }

func (e DaemonChanged) String() string {
	s := e.State
	if e.PID != 0 {
		s += fmt.Sprintf(", pid %d", e.PID)
	}
	if e.Wait > 0 {
		s += fmt.Sprintf(", again in %.1f s", e.Wait)
	}
	return join(s, e.Reason)
}

// Configured: a daemon has applied a changed configuration, or refused it.
type Configured struct {
	Changes []string `json:"changes,omitempty"`
	Refused string   `json:"refused,omitempty"`
}

func (Configured) event() string { return "configured" }

func (e Configured) String() string {
	if e.Refused != "" {
		return "configuration refused: " + e.Refused
	}
	return join("configuration applied", strings.Join(e.Changes, "; "))
}

// Recovered: something that a crash had left was put right.
type Recovered struct {
	Barcode string `json:"barcode,omitempty"`
	Text    string `json:"text"`
}

func (Recovered) event() string { return "recovered" }

func (e Recovered) String() string { return join(strings.TrimSpace("recovered "+e.Barcode), e.Text) }

// Unknown is an event of a newer program.
type Unknown struct {
	Kind string `json:"-"`
	Text string `json:"text"`
}

func (e Unknown) event() string { return e.Kind }

func (e Unknown) String() string { return join(e.Kind, e.Text) }

// join puts a detail behind a text when there is one.
func join(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}
