/**
 * @file quality.c  Mean opinion score by the E-model (ITU-T G.107)
 *
 * R = 93.2 - Id - Ie,eff: the default transmission rating without the
 * advantage factor, the delay impairment in its common piecewise linear form
 * and the effective equipment impairment with random loss (G.113 appendix I).
 */
#include <strings.h>
#include "media.h"


struct grade {
	const char *name;
	double ie;                 /* equipment impairment               */
	double bpl;                /* robustness against lost packets    */
};


/* G.711 with concealment (appendix I of G.711); the wideband codecs are
   rated on the narrowband scale, to compare with the others */
static const struct grade codecs[] = {
	{ "PCMA",  0, 25.1 },
	{ "PCMU",  0, 25.1 },
	{ "G722",  0, 19.0 },
	{ "G729", 11, 19.0 },
	{ "opus",  0, 27.0 },
};

static const struct grade unknown = { "", 5, 10 };


static const struct grade *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(codecs) / sizeof(*codecs); i++) {
		if (!strcasecmp(codecs[i].name, name))
			return &codecs[i];
	}

	return &unknown;
}


double quality_mos(double delay_ms, double loss_permille, const char *codec)
{
	const struct grade *c = find(codec);
	const double loss = loss_permille / 10;
	double r = 93.2;

	r -= 0.024 * delay_ms;
	if (delay_ms > 177.3)
		r -= 0.11 * (delay_ms - 177.3);

	r -= c->ie + (95 - c->ie) * loss / (loss + c->bpl);

	if (r <= 0)
		return 1;
	if (r >= 100)
		return 4.5;

	return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}
