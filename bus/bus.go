// Package bus carries control between the daemons and the operator's tools: NATS
// requests with an id, a deadline and a typed reply or a typed error, and events.
// It never carries tape data. It is the only package that imports NATS.
//
// vtlportal runs the embedded server (StartServer), which leaves its address and
// secret in a file of the run directory that only the suite's user can read.
// Every other program calls Connect, which never gives up: a daemon that loses
// the bus keeps serving and finds it again.
//
// What a daemon offers is an Endpoint: a subject with the types of its request
// and reply. Handle serves it, Call asks it. Daemons are services of the NATS
// services framework, so a stock NATS client lists, pings and measures them.
//
// State changes are events (Publish, Subscribe). Events are for onlookers: they
// can be lost while the bus is away, and nothing may depend on one.
package bus

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is the version of the messages. It changes when an old program would
// misunderstand a new one, not when a field is added.
const Version = 1

// root begins every subject of the suite.
const root = "vtl"

// Kind is a kind of device.
type Kind string

// The kinds of devices.
const (
	Library Kind = "library"
	Drive   Kind = "drive"
	Optical Kind = "optical"
	Portal  Kind = "portal" // no SCSI device, but a participant like the others
	Suite   Kind = "suite"  // the supervisor, as a source of events
)

// Device names one participant of the suite: library 10, drive 11. The portal
// and the supervisor have the id 0.
type Device struct {
	Kind Kind `json:"kind"`
	ID   int  `json:"id"`
}

// String returns the form for people, such as "drive 11".
func (d Device) String() string {
	if d.Kind == Portal || d.Kind == Suite {
		return string(d.Kind)
	}
	return fmt.Sprintf("%s %d", d.Kind, d.ID)
}

// Service is the name under which the daemon of the device is found on the bus
// and in the process list: vtltape, vtllibrary, vtloptical, vtlportal.
func (d Device) Service() string {
	switch d.Kind {
	case Drive:
		return "vtltape"
	case Library:
		return "vtllibrary"
	case Suite:
		return "vtlcmd"
	}
	return "vtl" + string(d.Kind)
}

// Endpoint is an operation that one participant offers: where a request goes and
// what request and reply are.
type Endpoint[Req, Resp any] struct {
	device Device
	name   string
}

// endpoint is what the families' constructors use.
func endpoint[Req, Resp any](d Device, name string) Endpoint[Req, Resp] {
	return Endpoint[Req, Resp]{device: d, name: name}
}

// Name is the operation's name, such as "map-load".
func (e Endpoint[Req, Resp]) Name() string { return e.name }

// Device is who offers it.
func (e Endpoint[Req, Resp]) Device() Device { return e.device }

// Subject is where requests are sent, such as "vtl.library.10.map-load".
func (e Endpoint[Req, Resp]) Subject() string {
	return strings.Join([]string{root, string(e.device.Kind), strconv.Itoa(e.device.ID), e.name}, ".")
}

// Empty is a request or reply without content.
type Empty struct{}
