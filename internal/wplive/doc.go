// Package wplive has no code: its tests run Sparekey on and in front of a real
// WordPress, which package wptest starts.
package wplive
