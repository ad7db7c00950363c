// Looks at a page in Chromium, as people do: light, dark, narrow, and without scripts.
// Usage: node look.mjs PAGE SCREENSHOTS-DIRECTORY; prints what it saw as JSON.
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";
import { pathToFileURL } from "node:url";

const [page, screenshots] = process.argv.slice(2);
const address = pathToFileURL(page).href;
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: "shell",
});
const seen = [];
for (const [scheme, width] of [["light", 1280], ["dark", 1280], ["light", 400]]) {
  const tab = await browser.newPage();
  const requests = [];
  const complaints = [];
  tab.on("request", (request) => requests.push(request.url()));
  tab.on("console", (message) => complaints.push(message.text()));
  tab.on("pageerror", (error) => complaints.push(String(error)));
  await tab.setJavaScriptEnabled(false);
  await tab.setViewport({ width, height: 900 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await tab.goto(address);
  const found = await tab.evaluate(() => {
    const luminance = (color) => {
      const parts = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
        const value = Number(part) / 255;
        return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const contrast = (a, b) => {
      const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
      return (light + 0.05) / (dark + 0.05);
    };
    const overlaps = [];
    const overflows = [];
    let faintest = 99;
    const pictures = [...document.querySelectorAll("svg")].map((svg) => {
      const boxes = [...svg.querySelectorAll("g")].map((group) => {
        const rect = group.querySelector("rect");
        const place = rect.getBBox();
        for (const text of group.querySelectorAll("text")) {
          const own = text.getBBox();
          if (own.x + own.width > place.x + place.width || own.y + own.height > place.y + place.height) {
            overflows.push(text.textContent);
          }
          faintest = Math.min(faintest, contrast(getComputedStyle(text).fill, getComputedStyle(rect).fill));
        }
        return { name: group.querySelector("text").textContent, class: group.getAttribute("class"), place };
      });
      boxes.forEach((a, index) => boxes.slice(index + 1).forEach((b) => {
        const apart = a.place.x + a.place.width <= b.place.x || b.place.x + b.place.width <= a.place.x
          || a.place.y + a.place.height <= b.place.y || b.place.y + b.place.height <= a.place.y;
        if (!apart) overlaps.push(`${a.name} ${b.name}`);
      }));
      const { width, height } = svg.getBoundingClientRect();
      return {
        title: svg.querySelector("title").textContent,
        shown: width > 0 && height > 0,
        arrows: svg.querySelectorAll("path[marker-end]").length,
        boxes: boxes.map(({ name, class: kind }) => `${kind} ${name}`),
      };
    });
    const body = getComputedStyle(document.body);
    return {
      heading: document.querySelector("h1").innerText,
      pictures,
      overlaps,
      overflows,
      contrast: Math.min(faintest, contrast(body.color, body.backgroundColor)),
      background: body.backgroundColor,
      sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      folded: document.querySelectorAll("details:not([open])").length,
    };
  });
  await tab.screenshot({ path: `${screenshots}/${scheme}-${width}.png`, fullPage: true });
  const elsewhere = requests.filter((url) => url !== address);
  seen.push({ scheme, width, elsewhere, complaints, ...found });
  await tab.close();
}
await browser.close();
console.log(JSON.stringify(seen));
