package web

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// DefaultAccent is the colour of buttons and links unless [Config.Accent] names
// another.
const DefaultAccent = "#0b6e4f"

// minContrast is the contrast of text to its background that WCAG 2.2 asks for
// (1.4.3, AA), with a little to spare for rounding.
const minContrast = 4.6

// The backgrounds on which the accent is text: of the two that app.css has in
// each scheme, the one with the lesser contrast to it.
const (
	lightSurface = "#f4f3ee"
	darkSurface  = "#1e2321"
)

// rgb is a colour of sRGB, each part between 0 and 1.
type rgb [3]float64

var hexColour = regexp.MustCompile(`^#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$`)

// parseColour reads "#0b6e4f" or "#abc". Nothing else gets into the stylesheet.
func parseColour(text string) rgb {
	if !hexColour.MatchString(text) {
		panic(fmt.Sprintf("web.New: Config.Accent must be a colour such as %q or %q, not %q", DefaultAccent, "#c30", text))
	}
	digits := text[1:]
	if len(digits) == 3 {
		digits = strings.Join([]string{digits[:1], digits[:1], digits[1:2], digits[1:2], digits[2:], digits[2:]}, "")
	}
	var c rgb
	for i := range c {
		value, _ := strconv.ParseUint(digits[2*i:2*i+2], 16, 8) // two hexadecimal digits
		c[i] = float64(value) / 255
	}
	return c
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", uint8(math.Round(c[0]*255)), uint8(math.Round(c[1]*255)), uint8(math.Round(c[2]*255)))
}

// luminance is the relative luminance of WCAG 2.2.
func (c rgb) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b rgb) float64 {
	l, d := a.luminance(), b.luminance()
	return (max(l, d) + 0.05) / (min(l, d) + 0.05)
}

// readable moves a colour towards another, black or white, as far as it takes to
// be read on a surface.
func (c rgb) readable(surface, towards rgb) rgb {
	const steps = 50
	for i := range steps + 1 {
		share := float64(i) / steps
		var mixed rgb
		for j := range c {
			mixed[j] = c[j]*(1-share) + towards[j]*share
		}
		if contrast(mixed, surface) >= minContrast {
			return mixed
		}
	}
	return towards
}

// themeCSS is the part of the stylesheet that depends on the accent: that colour,
// and the one of text on it, in both schemes.
func themeCSS(accent string) string {
	black, white := rgb{}, rgb{1, 1, 1}
	properties := func(surface, towards rgb) string {
		c := parseColour(accent).readable(surface, towards)
		on := white
		if contrast(black, c) > contrast(white, c) {
			on = black
		}
		return fmt.Sprintf(":root{--sk-accent:%s;--sk-on-accent:%s}", c, on)
	}
	return properties(parseColour(lightSurface), black) + "\n" +
		"@media (prefers-color-scheme:dark){" + properties(parseColour(darkSurface), white) + "}\n"
}
