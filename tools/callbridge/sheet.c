/**
 * @file sheet.c  Cells of CSV and HTML
 */
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
	(void)printf("<%s>", tag);

	for (; *text; text++) {
		switch (*text) {

		case '<': (void)fputs("&lt;", stdout);   break;
		case '>': (void)fputs("&gt;", stdout);   break;
		case '&': (void)fputs("&amp;", stdout);  break;
		case '"': (void)fputs("&quot;", stdout); break;
		default:  (void)putchar(*text);          break;
		}
	}

	(void)printf("</%s>", tag);
}
