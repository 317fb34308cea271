package config

import (
	"fmt"
	"slices"
	"strconv"
)

// TargetName is the iSCSI name of a device, such as
// "iqn.2026-11.local.vtl:drive11".
func (s *Suite) TargetName(kind string, id int) string {
	prefix := s.IQNPrefix
	if prefix == "" {
		prefix = DefaultIQNPrefix
	}
	return prefix + ":" + kind + strconv.Itoa(id)
}

// ListenAddress is the iSCSI address, with the default filled in.
func (s *Suite) ListenAddress() string {
	if s.Listen == "" {
		return DefaultListen
	}
	return s.Listen
}

// ListenAddresses are the address of the suite and the further ones, in order.
// instead, when it is not empty, takes the place of all of them.
func (s *Suite) ListenAddresses(instead string) []string {
	if instead != "" {
		return []string{instead}
	}
	return append([]string{s.ListenAddress()}, s.AlsoListen...)
}

// Device is one library, drive or optical drive of the suite.
type Device struct {
	Kind   string // KindLibrary, KindDrive or KindOptical
	ID     int
	Target string // iSCSI name
}

// String is the device as people name it, such as "drive 11".
func (d Device) String() string { return fmt.Sprintf("%s %d", d.Kind, d.ID) }

// Devices lists every device: each library, then its drives, then the
// stand-alone drives.
func (s *Suite) Devices() []Device {
	var list []Device
	drive := func(d Drive) {
		list = append(list, Device{Kind: KindDrive, ID: d.ID, Target: s.TargetName(KindDrive, d.ID)})
	}
	optical := func(o Optical) {
		list = append(list, Device{Kind: KindOptical, ID: o.ID, Target: s.TargetName(KindOptical, o.ID)})
	}
	for _, l := range s.Libraries {
		list = append(list, Device{Kind: KindLibrary, ID: l.ID, Target: s.TargetName(KindLibrary, l.ID)})
		for _, d := range l.Drives {
			drive(d)
		}
		for _, o := range l.Optical {
			optical(o)
		}
	}
	for _, d := range s.Drives {
		drive(d)
	}
	for _, o := range s.Optical {
		optical(o)
	}
	return list
}

// Library finds a library by its id.
func (s *Suite) Library(id int) (*Library, bool) {
	i := slices.IndexFunc(s.Libraries, func(l Library) bool { return l.ID == id })
	if i < 0 {
		return nil, false
	}
	return &s.Libraries[i], true
}

// Drive finds a drive by its id. The library is nil for a stand-alone drive.
func (s *Suite) Drive(id int) (d *Drive, in *Library, ok bool) {
	same := func(d Drive) bool { return d.ID == id }
	for n := range s.Libraries {
		l := &s.Libraries[n]
		if i := slices.IndexFunc(l.Drives, same); i >= 0 {
			return &l.Drives[i], l, true
		}
	}
	if i := slices.IndexFunc(s.Drives, same); i >= 0 {
		return &s.Drives[i], nil, true
	}
	return nil, nil, false
}

// DriveElement is the element number (from 1) of the drive at place i (from 0)
// of the library's list.
func (l *Library) DriveElement(i int) int {
	if e := l.Drives[i].Element; e != 0 {
		return e
	}
	return i + 1
}
