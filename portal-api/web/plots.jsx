/* Lines over time, by uPlot. */

import { useEffect, useRef, useState } from "preact/hooks";
import Plot from "uplot";
import "uplot/dist/uPlot.min.css";

/* told apart by day and by night, and by people who see few colours */
const colours = {
	day: ["#0072b2", "#d55e00", "#007a59", "#a8327b", "#8a5a00", "#4a5865"],
	night: ["#56b4e9", "#ff9e4a", "#3fd6a0", "#e6a3c9", "#f5c542", "#c3ced8"],
};
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];

export const seriesMax = dashes.length;

function ink(name)
{
	return getComputedStyle(document.documentElement).getPropertyValue(name);
}

function axis(more)
{
	return { stroke: ink("--ink"), grid: { stroke: ink("--line"), width: 1 },
		 ticks: { stroke: ink("--line"), width: 1 }, ...more };
}

/** Is it dark? As the browser says, also while it changes */
function useNight()
{
	const asked = matchMedia("(prefers-color-scheme: dark)");
	const [night, setNight] = useState(asked.matches);

	useEffect(() => {
		const turned = (e) => setNight(e.matches);

		asked.addEventListener("change", turned);
		return () => asked.removeEventListener("change", turned);
	}, []);

	return night;
}

/**
 * @param times   ms, ascending
 * @param series  [{name, values}...], values as many as times, null: unknown
 * @param range   [low, high] or null: as it comes
 */
export function Lines({ title, label, times, series, range, digits = 1 })
{
	const ref = useRef(null);
	const night = useNight();

	useEffect(() => {
		const box = ref.current;
		const colour = colours[night ? "night" : "day"];
		const width = () => Math.max(260, box.clientWidth - 26);
		const plot = new Plot({
			width: width(), height: 220,
			scales: { y: range ? { range } : {
				range: (u, low, high) => [0, Math.max(high * 1.1, 1)] } },
			axes: [axis(), axis({ size: 55 })],
			series: [{}, ...series.map(({ name }, i) => ({
				label: name, stroke: colour[i % seriesMax],
				dash: dashes[i % seriesMax], width: 2, spanGaps: false,
				points: { show: times.length < 60, size: 5 },
				value: (u, v) => v === null || v === undefined ? "–"
					: v.toFixed(digits),
			}))],
		}, [times.map((t) => t / 1000), ...series.map((s) => s.values)], box);
		const seen = new ResizeObserver(() =>
			plot.setSize({ width: width(), height: 220 }));

		seen.observe(box);
		return () => {
			seen.disconnect();
			plot.destroy();
		};
	}, [times, series, night]);

	return (
		<section>
			<h3>{title}</h3>
			<div class="plot" role="img" aria-label={label} ref={ref} />
		</section>
	);
}
