// Package bus carries control between the daemons and the operator's tools: NATS
// requests with an id, a deadline and a typed reply or a typed error, and events.
// It never carries tape data. It is the only package that imports NATS.
package bus
