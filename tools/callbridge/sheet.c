/**
 * @file sheet.c  Cells of CSV and HTML
 */
#include "bridge/base/text.h"
#include "sheet.h"


/* a leading =, +, - or @ would be a formula to a spreadsheet */
void csv_cell(const char *text)
{
	(void)putchar('"');
	if (*text && strchr("=+-@\t\r", *text))
		(void)putchar('\'');

	for (; *text; text++) {
		if (*text == '"')
			(void)putchar('"');
		(void)putchar(*text);
	}

	(void)putchar('"');
}


void html_cell(const char *tag, const char *text)
{
	(void)re_printf("<%s>%H</%s>", tag, text_markup, text, tag);
}
